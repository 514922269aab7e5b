// The named tensors of a module, as PyTorch's state_dict lists them. Inside lib/learn only;
// LibTorch's types are only named here.
#pragma once

#include <functional>
#include <string>

namespace at {
class Tensor;
}
namespace torch::nn {
class Module;
}
namespace torch::jit {
struct Module;
}

namespace skiptrain::learn {

enum class StateKind { kParameter, kBuffer };

using StateVisitor =
    std::function<void(const std::string& name, const at::Tensor& tensor, StateKind kind)>;
// Shows a visitor every parameter and buffer, in order.
using StateWalk = std::function<void(const StateVisitor& visitor)>;

// Module by module: own parameters, then own buffers, then the children's. What has two names is
// shown under both.
StateWalk walk_of(const torch::nn::Module& module);  // which must outlive the walk
StateWalk walk_of(const torch::jit::Module& module);

}  // namespace skiptrain::learn
