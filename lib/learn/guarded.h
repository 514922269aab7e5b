// The border that no exception of a library crosses. Inside lib/learn only.
#pragma once

#include <utility>

#include "base/error.h"

namespace skiptrain::learn {

// The exception being handled, as an Error that starts with `what`; only within a catch block.
// kResourceExhausted: out of memory. kInternal: anything else.
Error error_of_exception(const char* what);

// Runs `body`, which returns a Result, and turns whatever a library throws into an Error.
template <typename Body>
auto guarded(const char* what, Body&& body) -> decltype(body()) {
  try {
    return std::forward<Body>(body)();
  } catch (...) {
    return tl::unexpected(error_of_exception(what));
  }
}

}  // namespace skiptrain::learn
