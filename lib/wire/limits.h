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

// An encoded update header is below 90 bytes; a longer one is no header of ours.
inline constexpr std::size_t kMaxUpdateHeaderBytes = 256;

// Directives in one frame; a sender with more takes several frames. The longest encoded one is
// below 64 bytes, so they fit a frame's slack.
inline constexpr std::size_t kMaxDirectives = 64;
// Rounds that an edge claim or a directive names, and a directive's lamport time, are below this:
// sums with them cannot wrap.
inline constexpr std::uint64_t kMaxNamedRound = std::uint64_t{1} << 62;
inline constexpr std::uint64_t kMaxLamport = std::uint64_t{1} << 62;

// A sealed envelope of a Gossip call: the list of some thousand members, with room.
inline constexpr std::size_t kMaxGossipBytes = std::size_t{4} << 20;
// What protobuf puts around it.
inline constexpr std::size_t kGossipSlackBytes = 64;

// Cluster id, run id and node name.
inline constexpr std::size_t kMaxNameBytes = 256;
// A goodbye's detail; longer ones are cut.
inline constexpr std::size_t kMaxDetailBytes = 1024;

}  // namespace skiptrain::wire
