// A first look at the bytes of a gossip message, before protobuf builds objects from them. Two
// bytes can ask protobuf for an object fifty times their size, and a list may have millions of
// them; so the counts are checked on the bytes. Also that text is UTF-8, which protobuf would
// otherwise complain of in the process's stderr. Private to lib/wire.
#pragma once

#include <string_view>

#include "base/error.h"

namespace skiptrain::wire {

// Claims in a message; at most this many fields in each, and besides them. A claim with all of its
// info and tags has 37; what a later version adds is skipped.
inline constexpr std::size_t kMaxFieldsPerClaim = 64;

// kCorrupt if the bytes are no protobuf message, or have more than core::kMaxMembers claims, or
// more fields than kMaxFieldsPerClaim in a claim, or text that is not UTF-8.
Status scan_gossip(std::string_view bytes);

}  // namespace skiptrain::wire
