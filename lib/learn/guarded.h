// The border that no exception of a library crosses. Inside lib/learn only.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "base/error.h"

namespace skiptrain::learn {

// An Error on its way out of what may throw anyway; `guarded` returns it as it is.
class Refusal : public std::exception {
 public:
  explicit Refusal(Error error) : error_(std::move(error)) {}
  const Error& error() const { return error_; }
  const char* what() const noexcept override { return error_.message.c_str(); }

 private:
  Error error_;
};

[[noreturn]] inline void refuse(ErrorCode code, std::string message) {
  throw Refusal({code, std::move(message)});
}

// The exception being handled, as an Error that starts with `what`; only within a catch block.
// kResourceExhausted: out of memory. kInternal: anything else. A Refusal is taken as it is.
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
