// The losses of a round's local steps, where they are computed. Inside lib/learn only.
//
// On the host each is looked at as it comes, so that a round that diverged ends with that step. In
// another place they wait there until the round is over, for to look at one is to wait for all that
// was asked of the GPU so far. One thread at a time; methods may throw c10::Error.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "learn/device.h"

namespace skiptrain::learn {

class StepLosses {
 public:
  StepLosses(Place place, std::uint64_t steps);
  ~StepLosses();

  // That of the next step, a scalar. False if it is known not to be finite.
  bool add(const at::Tensor& loss);
  // The index of the first that is not finite, if one is.
  std::optional<std::uint64_t> first_not_finite();
  // Of all.
  double sum();

 private:
  struct Waiting;
  void look(double loss);
  void fetch();

  std::uint64_t looked_at_ = 0;
  double sum_ = 0.0;
  std::optional<std::uint64_t> bad_;
  std::unique_ptr<Waiting> waiting_;  // null on the host
};

}  // namespace skiptrain::learn
