// The format of gossip_fuzz's input, shared with the driver that makes seeds for it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skiptrain::discovery {

// A packet's content, a reliable call's content, a stranger's envelope.
inline constexpr std::size_t kGossipDoors = 3;

}  // namespace skiptrain::discovery

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
