// The format of data_fuzz's input, shared with the driver that makes seeds for it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skiptrain::data {

// A pickle, a file of LEAF's JSON, an image, a whole file of torch.save.
inline constexpr std::size_t kDataDoors = 4;

}  // namespace skiptrain::data

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
