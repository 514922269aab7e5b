#include "core/membership/view_digest.h"

#include "base/rng.h"

namespace skiptrain::core {

std::size_t digest_bucket(NodeId node, std::size_t buckets) {
  return derive_seed({node.value()}) % buckets;
}

std::vector<std::uint64_t> view_digest(const MemberTable& table, std::size_t buckets) {
  std::vector<std::uint64_t> digest(buckets);
  for (const auto& [id, member] : table.all()) {
    if (!member.counts()) continue;
    // A sum, so that the order does not matter.
    digest[digest_bucket(id, buckets)] +=
        derive_seed({id.value(), member.version.incarnation.value(), member.version.refutation,
                     member.info_version.incarnation.value(), member.info_version.refutation});
  }
  return digest;
}

}  // namespace skiptrain::core
