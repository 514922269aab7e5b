// Keeps the memory of a training step's tensors for the next step. Inside lib/learn only.
//
// A step makes and drops the same tensors as the one before. glibc hands the large ones back to the
// kernel each time, and the page faults of getting them again cost up to a third of a step. While a
// StepMemory lives, tensors of at least 4 KiB that its thread makes come from blocks which that
// thread has dropped before, and go back to them. Each thread has its own, so a worker goes on
// writing into memory that lies in its own core's cache.
//
// Bounded: what all threads of a process keep unused is at most kMaxKeptBytes; the block that
// waited longest goes first. A thread that ends gives up its blocks. Tensors may outlive their
// StepMemory and be dropped by any thread, or outside of one, which then frees them. All else that
// LibTorch allocates, from the first one on, is malloc's, as before. Results do not depend on it.
#pragma once

#include <cstddef>

namespace skiptrain::learn {

inline constexpr std::size_t kMaxKeptBytes = std::size_t{64} << 20;

class StepMemory {
 public:
  // Off: does nothing. They may be nested; the innermost counts.
  explicit StepMemory(bool on);
  ~StepMemory();
  StepMemory(const StepMemory&) = delete;
  StepMemory& operator=(const StepMemory&) = delete;

  // What all threads keep unused.
  static std::size_t kept_bytes();

 private:
  const bool before_;
};

}  // namespace skiptrain::learn
