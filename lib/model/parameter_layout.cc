#include "model/parameter_layout.h"

#include <utility>

#include "base/check.h"
#include "base/fingerprint.h"

namespace skiptrain {

std::size_t TensorSpec::element_count() const {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) {
    SKIPTRAIN_CHECK(extent >= 0, "a tensor's extent is not negative");
    count *= static_cast<std::size_t>(extent);
  }
  return count;
}

void ParameterLayout::append(std::string name, std::vector<std::int64_t> shape) {
  TensorSpec spec{std::move(name), std::move(shape), parameter_count_};
  parameter_count_ += spec.element_count();
  tensors_.push_back(std::move(spec));
}

Fingerprint ParameterLayout::fingerprint() const {
  Fingerprinter fingerprinter;
  for (const TensorSpec& tensor : tensors_) {
    fingerprinter.add(tensor.name).add("float32").add(tensor.shape.size());
    for (const std::int64_t extent : tensor.shape) {
      fingerprinter.add(static_cast<std::uint64_t>(extent));
    }
  }
  return fingerprinter.finish();
}

}  // namespace skiptrain
