#include "learn/torchscript.h"

#include <map>
#include <sstream>
#include <utility>

#include <torch/script.h>

#include "base/check.h"
#include "learn/architecture.h"
#include "learn/flat_module.h"
#include "learn/guarded.h"
#include "learn/models.h"
#include "learn/script_model.h"

namespace skiptrain::learn {
namespace {

at::Tensor zeros(const std::vector<std::int64_t>& shape) {
  return torch::zeros(shape, torch::TensorOptions().dtype(at::kFloat).requires_grad(true));
}

// The forward of a reference model, in TorchScript; operators and constants are those of models.cc.
std::string source_of(const Architecture& architecture) {
  std::ostringstream code;
  code << "def forward(self, x):\n";
  for (std::size_t i = 0; i < architecture.blocks.size(); ++i) {
    const ConvolutionBlock& block = architecture.blocks[i];
    const std::string conv = "self.conv" + std::to_string(i + 1);
    const std::string norm = "self.norm" + std::to_string(i + 1);
    code << "  x = torch.conv2d(x, " << conv << ".weight, " << conv << ".bias, [1, 1], ["
         << block.padding << ", " << block.padding << "])\n";
    if (block.groups != 0) {
      code << "  x = torch.group_norm(x, " << block.groups << ", " << norm << ".weight, " << norm
           << ".bias, 1e-05)\n";
    }
    code << "  x = torch.max_pool2d(torch.relu(x), [2, 2])\n";
  }
  code << "  x = torch.flatten(x, 1)\n";
  for (std::size_t i = 0; i < architecture.linear.size(); ++i) {
    const std::string layer = "self." + architecture.linear[i].name;
    if (i > 0) code << "  x = torch.relu(x)\n";
    code << "  x = torch.linear(x, " << layer << ".weight, " << layer << ".bias)\n";
  }
  code << "  return x\n";
  return code.str();
}

// Names as LibTorch's module has them: "conv1.weight" is parameter "weight" of submodule "conv1".
torch::jit::Module build_reference(const ModelSpec& spec, const ParameterLayout& layout) {
  auto unit = std::make_shared<torch::jit::CompilationUnit>();
  std::vector<std::pair<std::string, torch::jit::Module>> children;
  for (const TensorSpec& tensor : layout.tensors()) {
    const std::size_t dot = tensor.name.find('.');
    const std::string owner = tensor.name.substr(0, dot);
    if (children.empty() || children.back().first != owner) {
      children.emplace_back(
          owner, torch::jit::Module(c10::QualifiedName("__torch__.skiptrain." + owner), unit));
    }
    children.back().second.register_parameter(tensor.name.substr(dot + 1), zeros(tensor.shape),
                                              /*is_buffer=*/false);
  }
  torch::jit::Module module(c10::QualifiedName("__torch__.skiptrain.Model"), unit);
  for (const auto& [name, child] : children) module.register_module(name, child);
  module.define(source_of(architecture_of(spec)));
  return module;
}

void fill(const torch::jit::Module& module, const NamedParameters& parameters) {
  const torch::NoGradGuard no_grad;
  std::map<std::string, const TensorSpec*> by_name;
  for (const TensorSpec& tensor : parameters.layout.tensors()) by_name[tensor.name] = &tensor;
  // What has a second name shares the memory of the first.
  walk_of(module)([&](const std::string& name, const at::Tensor& tensor, StateKind) {
    const auto found = by_name.find(name);
    if (found == by_name.end()) return;
    const TensorSpec& spec = *found->second;
    SKIPTRAIN_CHECK(tensor.sizes() == spec.shape, "the layout is the module's");
    // Only read.
    auto* values = const_cast<float*>(std::as_const(*parameters.values).values().data());
    tensor.copy_(at::from_blob(values + spec.offset, spec.shape, at::kFloat));
  });
}

}  // namespace

Result<NamedParameters> read_torchscript(const std::string& path) {
  auto file = read_script_file(path);
  if (!file) return tl::unexpected<Error>(file.error());
  return guarded("TorchScript", [&]() -> Result<NamedParameters> {
    return copy_state(walk_of(load_script(**file)));
  });
}

Result<std::string> encode_torchscript(const ModelSpec& spec, const NamedParameters& parameters) {
  return guarded("TorchScript", [&]() -> Result<std::string> {
    const torch::jit::Module module =
        spec.file ? load_script(*spec.file) : build_reference(spec, parameters.layout);
    fill(module, parameters);
    std::ostringstream out;
    module.save(out);
    return std::move(out).str();
  });
}

}  // namespace skiptrain::learn
