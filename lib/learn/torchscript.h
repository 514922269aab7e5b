// Models to and from TorchScript files, for who keeps or sends them; without LibTorch's types. No
// threads, no state. Errors are values.
#pragma once

#include <string>

#include "base/error.h"
#include "learn/model_spec.h"
#include "model/named_parameters.h"

namespace skiptrain::learn {

// The parameters and floating-point buffers in a TorchScript file, by the names and in the order of
// its state_dict. Errors as of a model of that file, which need not have a forward.
Result<NamedParameters> read_torchscript(const std::string& path);

// A TorchScript file, in memory: the module of the spec's file, or else the same reference model in
// TorchScript, in each case with `parameters`, of the layout whole_layout_of(spec). A module is in
// the mode (train or eval) that its file says, a reference model knows but one. The bytes follow
// from the arguments.
Result<std::string> encode_torchscript(const ModelSpec& spec, const NamedParameters& parameters);

}  // namespace skiptrain::learn
