// In how many bits a step computes: `train.precision`, and what the machine has to say to it.
//
// bf16 is mixed precision: convolutions and matrix products take their operands in bfloat16 (8 bits
// of exponent, 7 of fraction; sums stay float32), all else, the parameters and the optimizer's
// state among it, stays float32 (Micikevicius et al. 2018, arXiv 1710.03740, section 3.1; with
// bfloat16's range no scaling of the loss is needed, Kalamkar et al. 2019, arXiv 1905.12322). A
// processor without instructions for it converts back and forth and is slower than with float32:
// there it is refused.
//
// Plain functions, thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "learn/device.h"

namespace skiptrain::learn {

enum class Precision : std::uint8_t { kFloat32, kBf16 };

// The instructions of this processor that multiply bfloat16, as its vendor calls them; empty
// without any.
std::string bf16_instructions();

// kPreconditionFailed, naming train.precision and the reason: this processor would be slower. Of a
// GPU it is measured, which takes some milliseconds.
Status check_precision(Precision precision, Place place = Place::kHost);

// For as long as it lives, operators of this thread, on tensors of `place`, run in `precision`.
// Make it around the forward pass and the loss; the backward pass follows what the forward pass
// did.
class PrecisionScope {
 public:
  explicit PrecisionScope(Precision precision, Place place = Place::kHost);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  const bool lowers_;
  const Place place_;
  bool was_enabled_ = false;
};

}  // namespace skiptrain::learn
