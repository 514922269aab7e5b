// What an operator writes to name a topology: `ring`, `regular:4`, `file:edges.txt`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace skiptrain::core {

struct TopologySpec {
  enum class Kind {
    kRing,
    kComplete,
    kStar,
    kTorus,
    kExponential,  // neighbours at distances 1, 2, 4, ... around a ring
    kRegular,      // regular:D, a random D-regular graph
    kRings,        // rings:K, neighbours on K hashed rings
    kEpidemic,     // epidemic:S, S random receivers drawn anew in each round
    kFile,         // file:PATH, an adjacency list
  };
  Kind kind = Kind::kRing;
  std::uint32_t parameter = 0;  // the D, K or S of the kinds that have one
  std::string path;             // kFile only

  bool operator==(const TopologySpec&) const = default;
};

// All of them, and those that are a graph once the nodes are known; for help texts and errors.
inline constexpr const char* kTopologySpecs =
    "ring, complete, star, torus, exponential, regular:D, rings:K, epidemic:S or file:PATH";
inline constexpr const char* kStaticTopologySpecs =
    "ring, complete, star, torus, exponential, regular:D, rings:K or file:PATH";

inline constexpr std::uint32_t kMaxRings = 64;

// kInvalidArgument names the text and what would be right.
Result<TopologySpec> parse_topology_spec(std::string_view text);
// As it is written: parse_topology_spec(to_string(spec)) is spec.
std::string to_string(const TopologySpec& spec);

}  // namespace skiptrain::core
