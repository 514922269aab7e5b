#include "learn/flat_module.h"

#include <algorithm>
#include <string>
#include <utility>

#include <torch/torch.h>

#include "base/check.h"

namespace skiptrain::learn {
namespace {

struct Entry {
  std::string name;
  at::Tensor tensor;
  bool trainable = false;
};

void collect(const torch::nn::Module& module, const std::string& prefix,
             std::vector<Entry>& entries) {
  for (const auto& parameter : module.named_parameters(/*recurse=*/false)) {
    entries.push_back({prefix + parameter.key(), parameter.value(), true});
  }
  for (const auto& buffer : module.named_buffers(/*recurse=*/false)) {
    // Integer buffers (batch counters) are not exchanged.
    if (!buffer.value().is_floating_point()) continue;
    entries.push_back({prefix + buffer.key(), buffer.value(), false});
  }
  for (const auto& child : module.named_children()) {
    collect(*child.value(), prefix + child.key() + ".", entries);
  }
}

// The tensors of the flat buffer, in order.
std::vector<Entry> entries_of(const torch::nn::Module& module) {
  std::vector<Entry> entries;
  collect(module, "", entries);
  for (const Entry& entry : entries) {
    SKIPTRAIN_CHECK(entry.tensor.scalar_type() == at::kFloat, "models are float32");
  }
  return entries;
}

ParameterLayout layout_from(const std::vector<Entry>& entries) {
  ParameterLayout layout;
  for (const Entry& entry : entries) layout.append(entry.name, entry.tensor.sizes().vec());
  return layout;
}

}  // namespace

struct FlatModule::Tensors {
  at::Tensor values;
  at::Tensor gradients;
};

ParameterLayout layout_of_module(const torch::nn::Module& module) {
  return layout_from(entries_of(module));
}

FlatModule::FlatModule(torch::nn::Module& module) : tensors_(std::make_unique<Tensors>()) {
  const torch::NoGradGuard no_grad;
  std::vector<Entry> entries = entries_of(module);
  layout_ = layout_from(entries);
  const auto count = static_cast<std::int64_t>(layout_.parameter_count());
  tensors_->values = at::empty({count}, at::kFloat);
  tensors_->gradients = at::zeros({count}, at::kFloat);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const TensorSpec& spec = layout_.tensors()[i];
    at::Tensor& tensor = entries[i].tensor;
    const auto view_in = [&](const at::Tensor& flat) {
      return flat
          .narrow(0, static_cast<std::int64_t>(spec.offset),
                  static_cast<std::int64_t>(spec.element_count()))
          .view(spec.shape);
    };
    at::Tensor place = view_in(tensors_->values);
    place.copy_(tensor);
    tensor.set_data(place);
    if (!entries[i].trainable) continue;
    // Autograd adds into a gradient that is already there.
    tensor.mutable_grad() = view_in(tensors_->gradients);
    if (!trainable_.empty() && trainable_.back().offset + trainable_.back().count == spec.offset) {
      trainable_.back().count += spec.element_count();
    } else {
      trainable_.push_back({spec.offset, spec.element_count()});
    }
  }
}

FlatModule::~FlatModule() = default;

std::span<float> FlatModule::values() {
  return {tensors_->values.data_ptr<float>(), layout_.parameter_count()};
}

std::span<float> FlatModule::gradients() {
  return {tensors_->gradients.data_ptr<float>(), layout_.parameter_count()};
}

void FlatModule::zero_gradients() {
  std::fill_n(tensors_->gradients.data_ptr<float>(), layout_.parameter_count(), 0.0f);
}

}  // namespace skiptrain::learn
