// Hashes of a view, by which two nodes find out cheaply where theirs differ.
//
// Members are spread over a number of buckets by their id, and each bucket is hashed. What counts
// are the members that are alive or suspect, with their versions: a suspicion is too short-lived to
// be compared, and members that are gone are forgotten by each node in its own time. Differences
// among those travel otherwise, see Membership::recently_gone(). Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/membership/member_table.h"

namespace skiptrain::core {

// How many a call to make views one has.
inline constexpr std::size_t kDigestBuckets = 64;

std::size_t digest_bucket(NodeId node, std::size_t buckets);
// One hash per bucket. buckets > 0.
std::vector<std::uint64_t> view_digest(const MemberTable& table, std::size_t buckets);

}  // namespace skiptrain::core
