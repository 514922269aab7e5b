#include "wire/hello.h"

#include <cstdio>

#include "wire/utf8.h"

namespace skiptrain::wire {
namespace {

std::string hex(Fingerprint fingerprint) {
  char text[2 + 16 + 1];
  std::snprintf(text, sizeof text, "0x%016llx",
                static_cast<unsigned long long>(fingerprint.value()));
  return text;
}

std::string quoted(const std::string& text) {
  return '"' + printable(text, kMaxNameBytes) + '"';
}

std::string compression_words(const Hello& hello) {
  return hello.compression.empty() ? "none" : printable(hello.compression, kMaxNameBytes);
}

Goodbye differ(GoodbyeReason reason, const Hello& ours, const Hello& theirs, const char* what,
               const std::string& our_value, const std::string& their_value) {
  return {reason, std::string(what) + ": " + describe(ours.node_id, ours.node_name) + " has " +
                      our_value + ", " + describe(theirs.node_id, theirs.node_name) + " has " +
                      their_value};
}

}  // namespace

std::string_view to_string(GoodbyeReason reason) {
  switch (reason) {
    case GoodbyeReason::kUnspecified:
      return "unspecified";
    case GoodbyeReason::kProtocolVersion:
      return "protocol-version";
    case GoodbyeReason::kCluster:
      return "cluster";
    case GoodbyeReason::kRun:
      return "run";
    case GoodbyeReason::kLayout:
      return "layout";
    case GoodbyeReason::kUnknownNode:
      return "unknown-node";
    case GoodbyeReason::kDuplicate:
      return "duplicate";
    case GoodbyeReason::kBadFrame:
      return "bad-frame";
    case GoodbyeReason::kLeaving:
      return "leaving";
    case GoodbyeReason::kWrongDialer:
      return "wrong-dialer";
    case GoodbyeReason::kNotNeighbour:
      return "not-neighbour";
  }
  return "unknown";
}

bool is_refusal(GoodbyeReason reason) {
  switch (reason) {
    case GoodbyeReason::kProtocolVersion:
    case GoodbyeReason::kCluster:
    case GoodbyeReason::kRun:
    case GoodbyeReason::kLayout:
    case GoodbyeReason::kUnknownNode:
    case GoodbyeReason::kWrongDialer:
      return true;
    case GoodbyeReason::kUnspecified:
    case GoodbyeReason::kDuplicate:
    case GoodbyeReason::kBadFrame:
    case GoodbyeReason::kLeaving:
    case GoodbyeReason::kNotNeighbour:
      return false;
  }
  return false;
}

std::string describe(NodeId id, const std::string& name) {
  const std::string node = "node " + skiptrain::to_string(id);
  return name.empty() ? node : node + " (" + name + ")";
}

std::optional<Goodbye> check_hello(const Hello& ours, const Hello& theirs) {
  if (ours.protocol_version != theirs.protocol_version) {
    return differ(GoodbyeReason::kProtocolVersion, ours, theirs, "protocol version",
                  std::to_string(ours.protocol_version), std::to_string(theirs.protocol_version));
  }
  if (ours.cluster_id != theirs.cluster_id) {
    return differ(GoodbyeReason::kCluster, ours, theirs, "cluster id", quoted(ours.cluster_id),
                  quoted(theirs.cluster_id));
  }
  if (ours.run_id != theirs.run_id) {
    return differ(GoodbyeReason::kRun, ours, theirs, "run id", quoted(ours.run_id),
                  quoted(theirs.run_id));
  }
  if (ours.layout_fingerprint != theirs.layout_fingerprint) {
    return differ(GoodbyeReason::kLayout, ours, theirs,
                  "model layout, model.file or frozen parameters", hex(ours.layout_fingerprint),
                  hex(theirs.layout_fingerprint));
  }
  // A node from before there was any says nothing, which stands for none.
  if (ours.compression != theirs.compression) {
    return differ(GoodbyeReason::kRun, ours, theirs, "compression of updates",
                  compression_words(ours), compression_words(theirs));
  }
  if (ours.run_fingerprint != theirs.run_fingerprint) {
    return differ(GoodbyeReason::kRun, ours, theirs, "settings of the run",
                  hex(ours.run_fingerprint), hex(theirs.run_fingerprint));
  }
  return std::nullopt;
}

}  // namespace skiptrain::wire
