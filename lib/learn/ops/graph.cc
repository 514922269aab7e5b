#include "learn/ops/graph.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/library.h>
#include <torch/script.h>
#include <torch/torch.h>

#include "learn/ops/convolution.h"
#include "learn/ops/linear.h"
#include "learn/ops/norm_relu_max_pool.h"
#include "learn/ops/relu_max_pool.h"

namespace skiptrain::learn {
namespace {

using OptionalTensor = c10::optional<at::Tensor>;

bool can_pool(const at::Tensor& x) {
  return x.dim() == 4 && x.scalar_type() == at::kFloat && x.size(2) >= 2 && x.size(3) >= 2;
}

at::Tensor script_relu_max_pool(const at::Tensor& x) {
  return can_pool(x) ? relu_max_pool(x) : at::max_pool2d(x.relu(), {2, 2});
}

// Turning channels last would cost what the fused operator gains, so only where they are already.
at::Tensor script_norm_relu_max_pool(const at::Tensor& x, std::int64_t groups,
                                     const OptionalTensor& weight, const OptionalTensor& bias,
                                     double epsilon) {
  const bool fits = can_pool(x) && x.is_contiguous(at::MemoryFormat::ChannelsLast) &&
                    weight.has_value() && bias.has_value() && weight->is_contiguous() &&
                    bias->is_contiguous() && weight->scalar_type() == at::kFloat &&
                    bias->scalar_type() == at::kFloat;
  if (fits) return norm_relu_max_pool(x, groups, *weight, *bias, epsilon);
  return script_relu_max_pool(at::group_norm(x, groups, weight, bias, epsilon));
}

at::Tensor script_convolution(const at::Tensor& x, const at::Tensor& weight,
                              const OptionalTensor& bias, std::int64_t padding) {
  return convolution(x, weight, bias.value_or(at::Tensor()), padding);
}

at::Tensor script_linear(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias,
                         bool relu) {
  const at::Tensor added = bias.value_or(at::Tensor());
  const bool fits =
      x.dim() == 2 && weight.dim() == 2 && x.scalar_type() == at::kFloat &&
      weight.scalar_type() == at::kFloat &&
      (!added.defined() || (added.dim() == 1 && added.is_contiguous() &&
                            added.size(0) == weight.size(0) && added.scalar_type() == at::kFloat));
  if (fits) return linear(x, weight, added, relu ? Then::kRelu : Then::kNothing);
  const at::Tensor out = at::linear(x, weight, bias);
  return relu ? out.relu() : out;
}

TORCH_LIBRARY(skiptrain, library) {
  library.def("relu_max_pool(Tensor x) -> Tensor", &script_relu_max_pool);
  library.def(
      "norm_relu_max_pool(Tensor x, int groups, Tensor? weight, Tensor? bias, float epsilon) -> "
      "Tensor",
      &script_norm_relu_max_pool);
  library.def("convolution(Tensor x, Tensor weight, Tensor? bias, int padding) -> Tensor",
              &script_convolution);
  library.def("linear(Tensor x, Tensor weight, Tensor? bias, bool relu) -> Tensor", &script_linear);
}

using torch::jit::Node;
using torch::jit::Value;

bool is(const Node* node, std::string_view kind) {
  return node->kind().toQualString() == kind;
}
bool is_relu(const Node* node) {
  return is(node, "aten::relu") || is(node, "aten::relu_");
}
bool is_used_once(const Value* value) {
  return value->uses().size() == 1;
}

// Whether an input is a constant list of integers of which all are `wanted`; empty counts too if
// `or_empty`.
bool are_all(const Value* value, std::int64_t wanted, bool or_empty = false) {
  const auto constant = torch::jit::toIValue(value);
  if (!constant || !constant->isIntList()) return false;
  const auto list = constant->toIntVector();
  if (list.empty()) return or_empty;
  return std::all_of(list.begin(), list.end(), [wanted](auto entry) { return entry == wanted; });
}
template <typename T>
bool is_constant(const Value* value, T wanted) {
  const auto constant = torch::jit::constant_as<T>(const_cast<Value*>(value));
  return constant.has_value() && *constant == wanted;
}

// max_pool2d(x, 2): kernel, stride (none given: as the kernel), padding, dilation, ceil_mode.
bool is_pool(const Node* node) {
  return is(node, "aten::max_pool2d") && are_all(node->input(1), 2) &&
         are_all(node->input(2), 2, /*or_empty=*/true) && are_all(node->input(3), 0) &&
         are_all(node->input(4), 1) && is_constant(node->input(5), false);
}

// Puts a call of `name` before `node` and in the place of what it gives.
void replace(Node* node, const char* name, std::initializer_list<Value*> inputs) {
  torch::jit::Graph* const graph = node->owningGraph();
  Node* const call = graph->create(c10::Symbol::fromQualString(name), inputs, 1);
  call->insertBefore(node);
  call->output()->setType(c10::TensorType::get());
  node->output()->replaceAllUsesWith(call->output());
}

Value* constant(Node* before, const torch::jit::IValue& value) {
  const torch::jit::WithInsertPoint at(before);
  return before->owningGraph()->insertConstant(value);
}

// What goes into the two, if `node` is the later of relu and pool, in either order.
Value* input_of_relu_and_pool(const Node* node) {
  const bool pools = is_pool(node);
  if (!pools && !is_relu(node)) return nullptr;
  const Node* const before = node->input(0)->node();
  if (!is_used_once(node->input(0)) || !(pools ? is_relu(before) : is_pool(before))) return nullptr;
  return const_cast<Value*>(before->input(0));
}

bool replace_pool(Node* node) {
  Value* const x = input_of_relu_and_pool(node);
  if (x == nullptr) return false;
  Node* const norm = x->node();
  if (is(norm, "aten::group_norm") && is_used_once(x)) {
    replace(node, "skiptrain::norm_relu_max_pool",
            {norm->input(0), norm->input(1), norm->input(2), norm->input(3), norm->input(4)});
  } else {
    replace(node, "skiptrain::relu_max_pool", {x});
  }
  return true;
}

// One number for both sides of an image.
std::optional<std::int64_t> padding_of(const Value* value) {
  const auto constant = torch::jit::toIValue(value);
  if (!constant || !constant->isIntList()) return std::nullopt;
  const auto list = constant->toIntVector();
  if (list.empty() || list.front() != list.back()) return std::nullopt;
  return list.front();
}

// conv2d(x, weight, bias, stride, padding, dilation, groups), or what tracing leaves of it:
// _convolution(x, weight, bias, stride, padding, dilation, transposed, output_padding, groups, ...)
bool replace_convolution(Node* node) {
  const bool traced = is(node, "aten::_convolution");
  if (!traced && !is(node, "aten::conv2d")) return false;
  if (traced && !is_constant(node->input(6), false)) return false;
  const auto padding = padding_of(node->input(4));
  const auto stride = torch::jit::toIValue(node->input(3));
  if (!padding || !stride || !stride->isIntList() || stride->toIntVector().size() != 2 ||
      !are_all(node->input(3), 1) || !are_all(node->input(5), 1) ||
      !is_constant(node->input(traced ? 8 : 6), std::int64_t{1})) {
    return false;
  }
  replace(node, "skiptrain::convolution",
          {node->input(0), node->input(1), node->input(2), constant(node, *padding)});
  return true;
}

bool replace_linear(Node* node) {
  const bool relu = is_relu(node);
  Node* const layer = relu ? node->input(0)->node() : node;
  if (!is(layer, "aten::linear") || (relu && !is_used_once(node->input(0)))) return false;
  replace(node, "skiptrain::linear",
          {layer->input(0), layer->input(1), layer->input(2), constant(node, relu)});
  return true;
}

using Rule = bool (*)(Node*);

// Backwards, so that a relu is seen before the linear layer in front of it, and is gone when that
// one's turn comes.
std::size_t apply(torch::jit::Block* block, Rule rule) {
  std::size_t count = 0;
  std::vector<Node*> nodes(block->nodes().begin(), block->nodes().end());
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    for (torch::jit::Block* inner : (*node)->blocks()) count += apply(inner, rule);
    if ((*node)->outputs().size() != 1 || !(*node)->output()->hasUses()) continue;
    if (!rule(*node)) continue;
    (*node)->destroy();
    ++count;
  }
  return count;
}

}  // namespace

std::size_t optimize_graph(torch::jit::Module& module) {
  std::shared_ptr<torch::jit::Graph> graph = module.get_method("forward").graph();
  torch::jit::Inline(*graph);
  torch::jit::ConstantPropagation(graph);
  std::size_t count = 0;
  for (const Rule rule : {Rule(replace_pool), Rule(replace_convolution), Rule(replace_linear)}) {
    count += apply(graph->block(), rule);
    torch::jit::EliminateDeadCode(graph);
  }
  return count;
}

}  // namespace skiptrain::learn
