// Moves a module's state into one flat buffer: afterwards every parameter and floating-point buffer
// that nodes exchange is a view into it, and every gradient a view into a second one. Inside
// lib/learn only.
//
// The order is the one of a PyTorch state_dict: module by module, own parameters, then own buffers.
// A tensor with two names (tied weights) is there once, under the first. Frozen tensors and integer
// buffers (batch counters) stay in memory of their own: they are neither trained nor exchanged, and
// `restore` undoes what a forward pass does to them.
//
// In a place that is not the host's, the module moves there as a whole, and the host sees its
// parameters by read() and write(), one copy each.
//
// Not thread-safe; the module must outlive it. Methods may throw c10::Error and Refusal.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "learn/device.h"
#include "learn/module_state.h"
#include "model/named_parameters.h"
#include "model/parameter_layout.h"

namespace skiptrain::learn {

// All parameters and floating-point buffers of a module, without changing it. Throws Refusal as
// FlatModule for tensors that it does not take.
NamedParameters copy_state(const StateWalk& walk);

class FlatModule {
 public:
  explicit FlatModule(torch::nn::Module& module);
  // `frozen`: glob patterns ('*' also across dots) of names. A parameter without requires_grad is
  // frozen too. Throws Refusal, kInvalidArgument: a pattern that nothing matches, nothing left to
  // train, a parameter or float buffer that is not a dense float32 one, or that shares only a part
  // of its memory with another.
  FlatModule(const StateWalk& walk, std::span<const std::string> frozen,
             Place place = Place::kHost);
  ~FlatModule();

  const ParameterLayout& layout() const { return layout_; }
  Place place() const { return place_; }
  // The module's own memory: a write changes the model. These two only of a module in the host's
  // memory.
  std::span<float> values();
  // Sums of all backward passes since zero_gradients(). Zero for buffers, which have none.
  std::span<float> gradients();
  void zero_gradients();

  // The same memory, in any place: float32, of one dimension.
  const at::Tensor& value_tensor() const;
  const at::Tensor& gradient_tensor() const;
  // Copies of as many values as layout() has.
  void read(std::span<float> out) const;
  void write(std::span<const float> values);
  bool all_values_finite() const;

  // Runs of the flat buffer that the optimizer may change: the parameters, not the buffers.
  struct Run {
    std::size_t offset = 0;
    std::size_t count = 0;
  };
  const std::vector<Run>& trainable() const { return trainable_; }

  // With the frozen ones: all parameters and float buffers, in order.
  const ParameterLayout& whole_layout() const { return whole_layout_; }
  bool has_frozen() const { return whole_layout_.parameter_count() != layout_.parameter_count(); }
  // Copies of as many values as whole_layout() has.
  void read_whole(std::span<float> out) const;
  void write_whole(std::span<const float> values);

  // What is not exchanged goes back to its values after construction or the last write_whole.
  void restore();
  // Names of modules ("layer1.bn") that have float buffers, all of them frozen.
  const std::vector<std::string>& frozen_modules() const { return frozen_modules_; }

 private:
  struct Tensors;
  void add_trainable(Run run);

  Place place_;
  ParameterLayout layout_;
  ParameterLayout whole_layout_;
  std::vector<Run> trainable_;
  std::vector<std::string> frozen_modules_;
  std::unique_ptr<Tensors> tensors_;
};

}  // namespace skiptrain::learn
