// Errors as values. A Result<T> is either a T or an Error that a person can act on: what was
// wrong, where, and what would be right.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace skiptrain {

enum class ErrorCode {
  kInvalidArgument,     // the caller's input is wrong: a config key, a flag, a file's contents
  kNotFound,            // no such file, node or round
  kCorrupt,             // a file or message is damaged
  kMismatch,            // well-formed, but of another run, model, cluster or version
  kUnavailable,         // cannot be reached just now; trying again may help
  kPreconditionFailed,  // right request, wrong state: warming up, finished, no data
  kTimeout,
  kResourceExhausted,  // a named limit was reached
  kNumeric,            // NaN or infinity where a finite number is needed
  kInternal,           // a bug of ours, or an error of a library that we did not foresee
};

constexpr const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid-argument";
    case ErrorCode::kNotFound:
      return "not-found";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kMismatch:
      return "mismatch";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kPreconditionFailed:
      return "precondition-failed";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kResourceExhausted:
      return "resource-exhausted";
    case ErrorCode::kNumeric:
      return "numeric";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace skiptrain
