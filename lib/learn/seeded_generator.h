// The process's generator, lent to one user at a time. Inside lib/learn only.
#pragma once

#include <cstdint>
#include <memory>

#include "learn/device.h"

namespace skiptrain::learn {

// LibTorch draws from one generator per process and device: dropout in a forward pass as well as a
// module's initialisation. For as long as this lives, that generator goes on from `seed` and nobody
// else has one of these; then it is put back as it was found. Costs some microseconds. May throw
// c10::Error.
class SeededGenerator {
 public:
  explicit SeededGenerator(std::uint64_t seed, Place place = Place::kHost);
  ~SeededGenerator();
  SeededGenerator(const SeededGenerator&) = delete;
  SeededGenerator& operator=(const SeededGenerator&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace skiptrain::learn
