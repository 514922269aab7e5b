// Our errors as gRPC's, for the answers of the control service.
#pragma once

#include <grpcpp/support/status.h>

#include "base/error.h"

namespace skiptrain::daemon {

inline grpc::Status to_grpc(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return {grpc::StatusCode::INVALID_ARGUMENT, error.message};
    case ErrorCode::kNotFound:
      return {grpc::StatusCode::NOT_FOUND, error.message};
    case ErrorCode::kPreconditionFailed:
    case ErrorCode::kMismatch:
      return {grpc::StatusCode::FAILED_PRECONDITION, error.message};
    case ErrorCode::kTimeout:
      return {grpc::StatusCode::DEADLINE_EXCEEDED, error.message};
    case ErrorCode::kResourceExhausted:
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, error.message};
    // UNAVAILABLE says that the daemon does not answer; this is the daemon's answer.
    case ErrorCode::kUnavailable:
    case ErrorCode::kCorrupt:
    case ErrorCode::kNumeric:
    case ErrorCode::kInternal:
      break;
  }
  return {grpc::StatusCode::INTERNAL, error.message};
}

}  // namespace skiptrain::daemon
