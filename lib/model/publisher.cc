#include "model/publisher.h"

#include <memory>
#include <utility>

#include "base/check.h"
#include "model/difference_coding.h"
#include "model/half_floats.h"

namespace skiptrain {

Publisher::Publisher(Compression compression, ParametersPool pool)
    : compression_(compression), pool_(std::move(pool)) {}

PublishedUpdate Publisher::publish(const ModelUpdate& update) {
  SKIPTRAIN_CHECK(update.parameters != nullptr, "an update has parameters");
  if (compression_.is_none()) return update;
  const bool again =
      published_ && published_->update.round == update.round && newest_ == update.parameters;
  if (!again) {
    if (compression_.keeps_copies()) {
      publish_difference(update);
    } else {
      publish_rounded(update);
    }
    newest_ = update.parameters;
  }
  published_->update.degree = update.degree;
  return *published_;
}

void Publisher::publish_rounded(const ModelUpdate& update) {
  const std::span<const float> values = update.parameters->values();
  auto payload = std::make_shared<Payload>(values.size() * sizeof(std::uint16_t));
  const std::span halves(reinterpret_cast<std::uint16_t*>(payload->data()), values.size());
  const MutableParametersPtr copy = pool_.acquire();
  if (compression_.packing == Packing::kBfloat16) {
    to_bfloat16(values, halves);
    from_bfloat16(halves, copy->values());
  } else {
    to_float16(values, halves);
    from_float16(halves, copy->values());
  }
  published_.emplace(ModelUpdate{update.round, update.degree, copy}, compression_.packing,
                     std::move(payload), 0);
}

void Publisher::publish_difference(const ModelUpdate& update) {
  PublishedUpdate next{update, compression_.packing, nullptr, ++copies_};
  if (published_ && published_->update.round.next() == update.round) {
    const std::span<const float> values = update.parameters->values();
    const std::span<const float> before = published_->update.parameters->values();
    const MutableParametersPtr copy = pool_.acquire();
    auto payload = std::make_shared<Payload>();
    if (compression_.packing == Packing::kInt8) {
      encode_int8_difference(values, before, *payload, copy->values());
    } else {
      encode_top_k_difference(values, before, top_k_count(values.size(), compression_.fraction),
                              scratch_, *payload, copy->values());
    }
    next.update.parameters = copy;
    next.payload = std::move(payload);
  }
  published_ = std::move(next);
}

}  // namespace skiptrain
