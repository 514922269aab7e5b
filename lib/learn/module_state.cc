#include "learn/module_state.h"

#include <torch/script.h>

namespace skiptrain::learn {
namespace {

void walk(const torch::nn::Module& module, const std::string& prefix, const StateVisitor& visitor) {
  for (const auto& parameter : module.named_parameters(/*recurse=*/false)) {
    visitor(prefix + parameter.key(), parameter.value(), StateKind::kParameter);
  }
  for (const auto& buffer : module.named_buffers(/*recurse=*/false)) {
    visitor(prefix + buffer.key(), buffer.value(), StateKind::kBuffer);
  }
  for (const auto& child : module.named_children()) {
    walk(*child.value(), prefix + child.key() + ".", visitor);
  }
}

void walk(const torch::jit::Module& module, const std::string& prefix,
          const StateVisitor& visitor) {
  for (const auto& parameter : module.named_parameters(/*recurse=*/false)) {
    visitor(prefix + parameter.name, parameter.value, StateKind::kParameter);
  }
  for (const auto& buffer : module.named_buffers(/*recurse=*/false)) {
    visitor(prefix + buffer.name, buffer.value, StateKind::kBuffer);
  }
  for (const auto& child : module.named_children()) {
    walk(child.value, prefix + child.name + ".", visitor);
  }
}

}  // namespace

StateWalk walk_of(const torch::nn::Module& module) {
  return [&module](const StateVisitor& visitor) { walk(module, "", visitor); };
}

StateWalk walk_of(const torch::jit::Module& module) {
  return [module](const StateVisitor& visitor) { walk(module, "", visitor); };
}

}  // namespace skiptrain::learn
