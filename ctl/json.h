// The control API's messages as JSON: field names as in control.proto, 64-bit integers as numbers,
// enum values as lower-case words ("warming-up"), NaN and unset optional fields as null, so that
// every key of a message is always there.
#pragma once

#include <string>

#include <google/protobuf/message.h>
#include <nlohmann/json.hpp>

#include "ctl/failure.h"

namespace skiptrain::ctl {

using Json = nlohmann::ordered_json;  // keeps the order of the proto's fields

Json to_json(const google::protobuf::Message& message);

// {"code": "unreachable", "message": ..., "hint": ...}
Json to_json(const Failure& failure);

// NaN and infinities have no place in JSON: null.
Json number_or_null(double value);

}  // namespace skiptrain::ctl
