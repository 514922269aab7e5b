// How skipctl ends: one of nine exit codes, and for all but 0 a Failure that says what was wrong
// and what to do about it. Scripts read the exit code, people the message, both the JSON form.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "base/error.h"

namespace skiptrain::ctl {

enum class ExitCode : int {
  kOk = 0,
  kError = 1,
  kUsage = 2,          // a bad flag or value, found here or refused by the daemon
  kUnreachable = 3,    // no daemon answers at the endpoint
  kNotFound = 4,       // no such file, node or round
  kPrecondition = 5,   // right request, wrong state; also while the node warms up
  kTimeout = 6,        // no answer within --timeout
  kNotAuthorized = 7,  // the socket belongs to somebody else
  kDegraded = 8,       // it works, but not as it should; or some nodes did not answer
};

constexpr const char* to_string(ExitCode code) {
  switch (code) {
    case ExitCode::kOk:
      return "ok";
    case ExitCode::kError:
      return "error";
    case ExitCode::kUsage:
      return "usage";
    case ExitCode::kUnreachable:
      return "unreachable";
    case ExitCode::kNotFound:
      return "not-found";
    case ExitCode::kPrecondition:
      return "precondition";
    case ExitCode::kTimeout:
      return "timeout";
    case ExitCode::kNotAuthorized:
      return "not-authorized";
    case ExitCode::kDegraded:
      return "degraded";
  }
  return "error";
}

struct Failure {
  ExitCode exit = ExitCode::kError;
  std::string message;
  std::string hint;  // what to try; may be empty
};

template <typename T>
using Outcome = tl::expected<T, Failure>;

inline tl::unexpected<Failure> failure(ExitCode exit, std::string message, std::string hint = "") {
  return tl::unexpected<Failure>(Failure{exit, std::move(message), std::move(hint)});
}

constexpr ExitCode exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return ExitCode::kUsage;
    case ErrorCode::kNotFound:
      return ExitCode::kNotFound;
    case ErrorCode::kUnavailable:
      return ExitCode::kUnreachable;
    case ErrorCode::kPreconditionFailed:
      return ExitCode::kPrecondition;
    case ErrorCode::kTimeout:
      return ExitCode::kTimeout;
    case ErrorCode::kCorrupt:
    case ErrorCode::kMismatch:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kNumeric:
    case ErrorCode::kInternal:
      return ExitCode::kError;
  }
  return ExitCode::kError;
}

inline Failure to_failure(const Error& error) {
  return Failure{exit_code_of(error.code), error.message, ""};
}

}  // namespace skiptrain::ctl
