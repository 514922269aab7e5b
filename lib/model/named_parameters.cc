#include "model/named_parameters.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"

namespace skiptrain {
namespace {

using ByName = std::map<std::string_view, const TensorSpec*>;

ByName by_name(const ParameterLayout& layout) {
  ByName names;
  for (const TensorSpec& tensor : layout.tensors()) names[tensor.name] = &tensor;
  return names;
}

std::string text(const std::vector<std::int64_t>& shape) {
  std::string result;
  for (const std::int64_t extent : shape) {
    result += (result.empty() ? "" : ",") + std::to_string(extent);
  }
  return "[" + result + "]";
}

}  // namespace

Result<ParametersPtr> select_parameters(const NamedParameters& from, const ParameterLayout& wanted,
                                        const std::string& source,
                                        const NamedParameters* fallback) {
  const auto mismatch = [&](const std::string& why) {
    return fail(ErrorCode::kMismatch, source + ": is of another model: " + why);
  };
  SKIPTRAIN_CHECK(from.values->size() == from.layout.parameter_count(),
                  "the layout is the values'");
  const ByName wants = by_name(wanted);
  for (const TensorSpec& tensor : from.layout.tensors()) {
    if (!wants.contains(tensor.name)) {
      return mismatch("it holds a tensor \"" + tensor.name + "\" that this model does not have");
    }
  }
  const ByName has = by_name(from.layout);
  const ByName spare = fallback != nullptr ? by_name(fallback->layout) : ByName();
  auto selected = std::make_shared<Parameters>(wanted.parameter_count());
  for (const TensorSpec& tensor : wanted.tensors()) {
    const NamedParameters* giver = &from;
    auto found = has.find(tensor.name);
    if (found == has.end()) {
      found = spare.find(tensor.name);
      if (found == spare.end()) return mismatch("tensor \"" + tensor.name + "\" is missing");
      giver = fallback;
    }
    if (found->second->shape != tensor.shape) {
      return mismatch("tensor \"" + tensor.name + "\" has shape " + text(found->second->shape) +
                      ", but the model's is " + text(tensor.shape));
    }
    const std::span<const float> values = giver->values->values();
    std::ranges::copy(values.subspan(found->second->offset, tensor.element_count()),
                      selected->values().begin() + static_cast<std::ptrdiff_t>(tensor.offset));
  }
  return selected;
}

NamedParameters filter_parameters(const NamedParameters& from,
                                  const std::function<bool(const std::string& name)>& keeps) {
  ParameterLayout layout;
  std::vector<const TensorSpec*> kept;
  for (const TensorSpec& tensor : from.layout.tensors()) {
    if (!keeps(tensor.name)) continue;
    kept.push_back(&tensor);
    layout.append(tensor.name, tensor.shape);
  }
  auto values = std::make_shared<Parameters>(layout.parameter_count());
  auto out = values->values().begin();
  for (const TensorSpec* tensor : kept) {
    out = std::ranges::copy(from.values->values().subspan(tensor->offset, tensor->element_count()),
                            out)
              .out;
  }
  return {std::move(layout), std::move(values)};
}

}  // namespace skiptrain
