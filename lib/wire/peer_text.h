// What a peer gave as a reason, fit for a log, a terminal and a protobuf string.
#pragma once

#include <string>
#include <string_view>

namespace skiptrain::wire {

// The text of a failed call, in gRPC's words or the peer's own, which may be anything: cut to a
// line's length, with what is not UTF-8 or moves a cursor replaced.
std::string peer_text(std::string_view text);

}  // namespace skiptrain::wire
