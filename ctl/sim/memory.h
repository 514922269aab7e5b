// What memory a simulation may take here.
#pragma once

#include <cstdint>

namespace skiptrain::ctl {

// Module, gradients, activations and minibatch of one worker, measured with GN-LeNet and the
// FEMNIST CNN and rounded up, LibTorch's own share included.
inline constexpr std::uint64_t kWorkspaceBytes = std::uint64_t{200} << 20;
inline constexpr std::uint32_t kMaxSimWorkers = 256;
inline constexpr std::uint64_t kMaxQuadraticDimension = 10'000'000;

// Bytes that this process can still get without swapping: the kernel's MemAvailable, or what its
// control group leaves, whichever is less. The largest number if neither can be read.
std::uint64_t available_memory();

}  // namespace skiptrain::ctl
