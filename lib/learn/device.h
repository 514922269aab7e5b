// On what a step is computed: `train.device`, and what this process has of it.
//
// On the CPU a step reads and writes the flat buffer with plain loops. On a GPU the model, its
// gradients and the optimizer's state lie in the GPU's memory from the start to the end of a
// process; a round's parameters go there in one copy and come back in one, and the host does not
// wait for the GPU in between: while one minibatch is computed, the next is gathered.
//
// The GPU is LibTorch's current one; CUDA_VISIBLE_DEVICES chooses among several. Plain functions,
// thread-safe. LibTorch's types are only named here.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace at {
class Tensor;
}
namespace c10 {
struct Device;
}

namespace skiptrain::learn {

// What is asked for.
enum class Device : std::uint8_t { kCpu, kCuda, kAuto };

// What there is.
enum class Place : std::uint8_t {
  kHost,
  // As on a GPU, but in the host's memory: what the GPU does beside what the host's loops do, on a
  // machine without one. Nothing that users can ask for.
  kHostTensors,
  kCuda,
};

// kAuto is a GPU if one can be used, or else the CPU. kPreconditionFailed for kCuda, naming
// train.device and the reason: a LibTorch built without CUDA, or no GPU that it can use.
Result<Place> find_place(Device device);

// "the CPU", "a GPU".
std::string describe(Place place);

c10::Device device_of(Place place);

// `tensor`, which is the host's, where operators of `place` take it from. The same tensor if it is
// there already; or else it may be written anew at once, though the copy may still be on its way,
// behind all that the place was asked for before.
at::Tensor carried_to(Place place, const at::Tensor& tensor);

}  // namespace skiptrain::learn
