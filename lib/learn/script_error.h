// What LibTorch says when TorchScript fails, made short. Inside lib/learn only; no LibTorch.
#pragma once

#include <string>
#include <string_view>

namespace skiptrain::learn {

// LibTorch wraps the one line that tells what went wrong into two tracebacks and, in some builds, a
// stack of its own frames. That line: "RuntimeError: ...", or the first there is.
std::string essential_line(std::string_view message);

}  // namespace skiptrain::learn
