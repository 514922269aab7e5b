// What peers say to each other, as plain values: the domain's side of peer.proto. No protobuf here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "core/event.h"
#include "model/compression.h"
#include "wire/limits.h"

namespace skiptrain::wire {

// The first frame of each side: who it is and what it takes part in.
struct Hello {
  std::uint32_t protocol_version = kProtocolVersion;
  std::string cluster_id;
  NodeId node_id;
  Incarnation incarnation;
  std::string run_id;
  Fingerprint run_fingerprint;     // settings that all nodes of a run share
  Fingerprint layout_fingerprint;  // names, shapes and dtypes of the parameters, in order
  core::NodeState state;
  std::string node_name;
  std::string compression;  // as model/compression.h writes it; "" stands for none

  bool operator==(const Hello&) const = default;
};

enum class GoodbyeReason {
  kUnspecified,
  kProtocolVersion,
  kCluster,
  kRun,
  kLayout,
  kUnknownNode,
  kDuplicate,
  kBadFrame,
  kLeaving,
  kWrongDialer,
  kNotNeighbour,
};

std::string_view to_string(GoodbyeReason reason);
// True for the reasons that stay true until an operator changes something: trying again soon is
// of no use.
bool is_refusal(GoodbyeReason reason);

// The last frame of a side that ends a stream on purpose.
struct Goodbye {
  GoodbyeReason reason = GoodbyeReason::kUnspecified;
  std::string detail;  // for the operators of both sides

  bool operator==(const Goodbye&) const = default;
};

inline constexpr std::uint32_t kDtypeFloat32 = 1;
inline constexpr std::uint32_t kDtypeBfloat16 = 2;
inline constexpr std::uint32_t kDtypeFloat16 = 3;

// The payload is a difference to the sender's public copy before this one.
struct DifferenceHeader {
  Packing coding = Packing::kNone;  // kInt8 or kTopK
  std::uint64_t payload_bytes = 0;
  std::uint64_t copy_checksum = 0;  // XXH3-64 over the float32 numbers that it leads to

  bool operator==(const DifferenceHeader&) const = default;
};

// Announces an update of `parameter_count` numbers, in chunks.
struct UpdateHeader {
  Round round;
  std::uint32_t degree = 0;
  std::uint64_t parameter_count = 0;
  std::uint32_t dtype = 0;     // as on the wire, not checked yet
  std::uint64_t checksum = 0;  // XXH3-64 over the payload
  std::uint64_t copy = 0;      // numbers the public copy that this gives; 0: none is kept
  std::optional<DifferenceHeader> difference;

  bool operator==(const UpdateHeader&) const = default;
};

// The call's argument of FetchState.
struct StateRequest {
  Hello hello;
  Round at_least;
};

}  // namespace skiptrain::wire
