#include "sim/mixes.h"

#include <algorithm>
#include <utility>

#include "sim/prefetch.h"

namespace skiptrain::sim {
namespace {

// Below this many multiplications, waking another thread costs more than it saves.
constexpr std::size_t kWorthSharing = 1 << 20;

}  // namespace

Mixes::Mixes(ParametersPool pool, Workers& workers) : pool_(std::move(pool)), workers_(workers) {}

MixIndex Mixes::add(core::Mix&& mix, Duration duration) {
  MixIndex index = static_cast<MixIndex>(slots_.size());
  if (free_slots_.empty()) {
    slots_.emplace_back();
  } else {
    index = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[index].mix = std::move(mix);
  slots_[index].duration = duration;
  outstanding_.push_back(index);
  return index;
}

Mixes::Done Mixes::take(MixIndex index) {
  if (slots_[index].out == nullptr) compute_outstanding();
  Slot& slot = slots_[index];
  Done done{slot.mix.round, slot.duration, std::move(slot.out), slot.distance};
  free_slot(index);
  return done;
}

void Mixes::forget(MixIndex index) {
  if (slots_[index].out == nullptr) std::erase(outstanding_, index);
  free_slot(index);
}

void Mixes::prefetch_far(MixIndex index) const {
  const auto& inputs = slots_[index].mix.inputs;
  fetch(inputs.data(), inputs.size() * sizeof(core::MixInput));
}

void Mixes::prefetch_near(MixIndex index) const {
  for (const core::MixInput& input : slots_[index].mix.inputs) {
    fetch_parameters(input.parameters.get(), pool_.parameter_count());
  }
}

void Mixes::free_slot(MixIndex index) {
  slots_[index].mix.inputs.clear();
  slots_[index].out.reset();
  free_slots_.push_back(index);
}

void Mixes::compute_outstanding() {
  ++batches_;
  inputs_.clear();
  batch_.clear();
  std::size_t inputs = 0;
  for (const MixIndex index : outstanding_) inputs += slots_[index].mix.inputs.size();
  inputs_.reserve(inputs);  // the spans below point into it
  for (const MixIndex index : outstanding_) {
    Slot& slot = slots_[index];
    slot.out = pool_.acquire();
    const std::size_t first = inputs_.size();
    std::size_t own = 0;
    for (const core::MixInput& input : slot.mix.inputs) {
      if (input.from == slot.mix.self) own = inputs_.size() - first;
      inputs_.push_back({input.weight, input.parameters->values()});
    }
    batch_.push_back({{inputs_.data() + first, inputs_.size() - first}, own, slot.out->values()});
  }
  BatchMixing mixing(batch_);
  if (inputs * pool_.parameter_count() < kWorthSharing) {
    for (std::size_t shard = 0; shard < mixing.shard_count(); ++shard) mixing.run_shard(shard);
  } else {
    workers_.for_each(mixing.shard_count(), [&](std::size_t shard) { mixing.run_shard(shard); });
  }
  mixing.finish();
  for (std::size_t m = 0; m < batch_.size(); ++m) {
    Slot& slot = slots_[outstanding_[m]];
    slot.distance = batch_[m].distance;
    slot.mix.inputs.clear();  // lets go of updates that nobody needs any more
  }
  outstanding_.clear();
}

}  // namespace skiptrain::sim
