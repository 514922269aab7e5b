// What the flat buffer of a model's parameters means: which tensor lies where.
//
// A layout lists every floating-point parameter and buffer (batch-norm statistics too) in the
// module's own order; all are float32 and lie one after the other without gaps. Integer buffers
// are not exchanged and do not appear. Two nodes may mix only if their layouts' fingerprints agree.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace skiptrain {

struct TensorSpec {
  std::string name;                 // "conv1.weight", as the module names it
  std::vector<std::int64_t> shape;  // empty for a scalar
  std::size_t offset = 0;           // of its first element in the flat buffer, in elements

  std::size_t element_count() const;
  bool operator==(const TensorSpec&) const = default;
};

class ParameterLayout {
 public:
  ParameterLayout() = default;

  // Appends a float32 tensor behind those already there.
  void append(std::string name, std::vector<std::int64_t> shape);

  const std::vector<TensorSpec>& tensors() const { return tensors_; }
  // Elements in the flat buffer.
  std::size_t parameter_count() const { return parameter_count_; }
  // Over names, shapes and order.
  Fingerprint fingerprint() const;

  bool operator==(const ParameterLayout&) const = default;

 private:
  std::vector<TensorSpec> tensors_;
  std::size_t parameter_count_ = 0;
};

}  // namespace skiptrain
