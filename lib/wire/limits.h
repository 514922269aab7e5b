// Every limit of the peer protocol in one place. What exceeds one is refused with a reason that
// names the limit; nothing is allocated on a peer's word alone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skiptrain::wire {

// Peers speak exactly this version.
inline constexpr std::uint32_t kProtocolVersion = 1;

// Payload bytes in one chunk. Large enough that a frame's fixed cost vanishes, small enough that
// a stream's control frames never wait long behind one.
inline constexpr std::size_t kMaxChunkBytes = std::size_t{1} << 20;
inline constexpr std::size_t kMinChunkBytes = std::size_t{1} << 18;
inline constexpr std::size_t kDefaultChunkBytes = std::size_t{1} << 19;

// A frame is one chunk at most, and room for an update header or a hello.
inline constexpr std::size_t kFrameSlackBytes = std::size_t{8} << 10;
inline constexpr std::size_t kMaxFrameBytes = kMaxChunkBytes + kFrameSlackBytes;

// An encoded update header, schedule included, is below 80 bytes; a longer one is no header of
// ours.
inline constexpr std::size_t kMaxUpdateHeaderBytes = 256;

// Cluster id, run id and node name.
inline constexpr std::size_t kMaxNameBytes = 256;
// A goodbye's detail; longer ones are cut.
inline constexpr std::size_t kMaxDetailBytes = 1024;

}  // namespace skiptrain::wire
