// The format of frame_fuzz's input, shared with the driver that makes seeds for it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skiptrain::wire {

inline constexpr std::size_t kFuzzParameters = 64;
inline constexpr const char* kFuzzCompressions[] = {"none", "bf16", "fp16", "int8", "top-k:0.25"};
// Slice size - 1, then the message's length in two bytes, the low one first.
inline constexpr std::size_t kFuzzMessageHeaderBytes = 3;

}  // namespace skiptrain::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
