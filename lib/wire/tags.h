// The tags of peer.proto's fields that lib/wire reads and writes by hand: (field number << 3) | 2
// for length-delimited fields, | 0 for integers. A unit test holds them against the generated code.
#pragma once

#include <cstdint>

namespace skiptrain::wire {

inline constexpr std::uint8_t kFrameUpdateTag = (2 << 3) | 2;
inline constexpr std::uint8_t kFrameChunkTag = (3 << 3) | 2;
inline constexpr std::uint8_t kChunkOffsetTag = (1 << 3) | 0;
inline constexpr std::uint8_t kChunkDataTag = (2 << 3) | 2;

}  // namespace skiptrain::wire
