#include "model/parameters.h"

#include <bit>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include "base/multiversion.h"

namespace skiptrain {

static_assert(std::endian::native == std::endian::little,
              "the wire and the files hold little-endian float32, and no copy swaps bytes");

void Parameters::Free::operator()(float* data) const {
  ::operator delete[](data, std::align_val_t(kAlignment));
}

Parameters::Parameters(std::size_t count)
    : count_(count),
      data_(static_cast<float*>(
          ::operator new[](count * sizeof(float), std::align_val_t(kAlignment)))) {}

struct ParametersPool::Shelf {
  std::size_t parameter_count;
  std::size_t keep;
  std::mutex mutex;
  std::vector<std::unique_ptr<Parameters>> idle;
};

ParametersPool::ParametersPool(std::size_t parameter_count, std::size_t keep)
    : shelf_(std::make_shared<Shelf>()) {
  shelf_->parameter_count = parameter_count;
  shelf_->keep = keep;
  shelf_->idle.reserve(keep);
}

std::size_t ParametersPool::parameter_count() const {
  return shelf_->parameter_count;
}

MutableParametersPtr ParametersPool::acquire() {
  std::unique_ptr<Parameters> buffer;
  {
    const std::lock_guard lock(shelf_->mutex);
    if (!shelf_->idle.empty()) {
      buffer = std::move(shelf_->idle.back());
      shelf_->idle.pop_back();
    }
  }
  if (!buffer) buffer = std::make_unique<Parameters>(shelf_->parameter_count);
  auto give_back = [shelf = shelf_](Parameters* returned) {
    std::unique_ptr<Parameters> owned(returned);
    const std::lock_guard lock(shelf->mutex);
    if (shelf->idle.size() < shelf->keep) shelf->idle.push_back(std::move(owned));
  };
  return MutableParametersPtr(buffer.release(), std::move(give_back));
}

ParametersPtr copy_parameters(std::span<const float> values) {
  auto copy = std::make_shared<Parameters>(values.size());
  if (!values.empty()) std::memcpy(copy->values().data(), values.data(), values.size_bytes());
  return copy;
}

SKIPTRAIN_MULTIVERSION bool all_finite(std::span<const float> values) {
  // An exponent of all ones means NaN or infinity. OR-ing a flag instead of leaving early lets
  // the compiler vectorize the loop.
  constexpr std::uint32_t kExponent = 0x7f800000u;
  std::uint32_t bad = 0;
  for (const float value : values) {
    bad |=
        static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent);
  }
  return bad == 0;
}

}  // namespace skiptrain
