// Parameters together with what they are called: a model as a file holds it, or as one is written.
// A value; no threads.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "model/parameter_layout.h"
#include "model/parameters.h"

namespace skiptrain {

struct NamedParameters {
  ParameterLayout layout;
  ParametersPtr values;  // as many as the layout says
};

// The tensors of `wanted`, taken from `from` by name, in the order of `wanted`; what `from` lacks,
// from `fallback`, if there is one that has it. kMismatch, starting with `source`: a tensor is
// missing, has another shape, or is none of the wanted ones.
Result<ParametersPtr> select_parameters(const NamedParameters& from, const ParameterLayout& wanted,
                                        const std::string& source,
                                        const NamedParameters* fallback = nullptr);

// Those whose name `keeps`, in their order; copies.
NamedParameters filter_parameters(const NamedParameters& from,
                                  const std::function<bool(const std::string& name)>& keeps);

}  // namespace skiptrain
