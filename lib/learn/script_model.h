// A model that a user brings: a TorchScript module, trained as it is. Inside lib/learn only.
//
// It is called as forward(inputs), or with a loss of its own as forward(inputs, targets). `inputs`
// are float32 [batch, channels, height, width]; samples of one row, those of a table, come as
// [batch, columns], as such a module written in Python expects. Every ScriptModel is a load of its
// own from the file's bytes, so that workers share nothing.
//
// LibTorch's executor would first watch a module for some passes, then rewrite its graph and
// differentiate parts of it by other formulas; a daemon that was restarted would do so again, and
// its bits would differ. Here the graph runs as it was written: on plain paths with the same
// kernels and the same autograd as in Python, on fast ones with those of ops/ where it has a place
// for them (ops/graph.h).
#pragma once

#include <memory>
#include <string>

#include "learn/models.h"
#include "learn/script_file.h"

namespace skiptrain::learn {

// The module in a file, in `place`. Throws Refusal that starts with the path. kCorrupt: damaged, or
// not TorchScript. kInvalidArgument: it needs an operator or a class that this LibTorch lacks.
torch::jit::Module load_script(const ScriptFile& file, Place place = Place::kHost);

// Likewise; and kInvalidArgument: it has no forward.
std::unique_ptr<Model> make_script_model(const ScriptFile& file, const ModelSpec& spec, Paths paths,
                                         Place place = Place::kHost);

}  // namespace skiptrain::learn
