// Between the values of messages.h and the generated classes. Private to lib/wire.
//
// Towards the wire nothing can fail. From the wire everything is checked: lengths, enumerators,
// the ranges of schedules, rounds and rates. Text that people will read is freed of control
// characters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "skiptrain/v1/peer.pb.h"
#include "wire/messages.h"

namespace skiptrain::wire {

void to_proto(const Hello& hello, v1::Hello& out);
void to_proto(const core::NodeState& state, v1::NodeState& out);
void to_proto(const Goodbye& goodbye, v1::Goodbye& out);
void to_proto(const UpdateHeader& header, v1::UpdateHeader& out);
void to_proto(const core::EdgeMessage& message, v1::EdgeMessage& out);
void to_proto(const core::Directive& directive, v1::Directive& out);

// kCorrupt with the field that is wrong.
Result<Hello> from_proto(const v1::Hello& hello);
Result<core::NodeState> from_proto(const v1::NodeState& state);
Result<UpdateHeader> from_proto(const v1::UpdateHeader& header);
// The message's peer is not on the wire: it is the stream's.
Result<core::EdgeMessage> from_proto(const v1::EdgeMessage& message);
// Also kResourceExhausted, if there are too many.
Result<std::vector<core::Directive>> from_proto(const v1::Directives& directives);
// Never fails: an unknown reason is kUnspecified, a long detail is cut.
Goodbye from_proto(const v1::Goodbye& goodbye);

}  // namespace skiptrain::wire
