// The bytes of small IDX files for the tests.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/unit/data/data_files.h"

namespace skiptrain::data {

// Magic, extents, then `values`; what is declared and what follows need not agree.
inline ByteString idx_bytes(const std::vector<std::uint32_t>& extents, const ByteString& values,
                            std::uint8_t type = 0x08) {
  ByteString bytes{0, 0, type, static_cast<std::uint8_t>(extents.size())};
  for (const std::uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<std::uint8_t>(extent >> shift));
    }
  }
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

// `count` images of height x width whose pixels are all the image's number.
inline ByteString numbered_images(std::uint32_t count, std::uint32_t height, std::uint32_t width) {
  ByteString values;
  for (std::uint32_t i = 0; i < count; ++i) {
    values.insert(values.end(), std::size_t{height} * width, static_cast<std::uint8_t>(i));
  }
  return idx_bytes({count, height, width}, values);
}

}  // namespace skiptrain::data
