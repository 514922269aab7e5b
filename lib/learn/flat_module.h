// Moves a module's state into one flat buffer: afterwards every parameter and floating-point buffer
// is a view into it, and every gradient a view into a second one. Inside lib/learn only.
//
// The order is the one of a PyTorch state_dict: module by module, own parameters, then own buffers.
// Not thread-safe; the module must outlive it. Methods may throw c10::Error.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "model/parameter_layout.h"

namespace torch::nn {
class Module;
}

namespace skiptrain::learn {

// What the flat buffer of `module` will be, without changing it.
ParameterLayout layout_of_module(const torch::nn::Module& module);

class FlatModule {
 public:
  explicit FlatModule(torch::nn::Module& module);
  ~FlatModule();

  const ParameterLayout& layout() const { return layout_; }
  // The module's own memory: a write changes the model.
  std::span<float> values();
  // Sums of all backward passes since zero_gradients(). Zero for buffers, which have none.
  std::span<float> gradients();
  void zero_gradients();

  // Runs of the flat buffer that the optimizer may change: the parameters, not the buffers.
  struct Run {
    std::size_t offset = 0;
    std::size_t count = 0;
  };
  const std::vector<Run>& trainable() const { return trainable_; }

 private:
  struct Tensors;
  ParameterLayout layout_;
  std::vector<Run> trainable_;
  std::unique_ptr<Tensors> tensors_;
};

}  // namespace skiptrain::learn
