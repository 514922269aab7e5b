// Reads pictures in PNG and JPEG files (libpng, libjpeg), told apart by content, and writes PNG.
//
// A pixel is 1 byte of grey or 3 of red, green, blue. PNG: palettes and fewer than 8 bits are
// widened, 16 bits are cut to the upper 8 as libpng scales them, an alpha channel is dropped if it
// is opaque throughout. JPEG: grey and YCbCr or RGB; not CMYK. Blocking; thread-safe, since nothing
// is shared.
//
// Errors start with the path. kNotFound: cannot be opened. kCorrupt: neither PNG nor JPEG,
// truncated, damaged. kInvalidArgument: CMYK, or see-through pixels. kResourceExhausted: sides
// beyond kMaxImageSide, a file beyond the limit below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"

namespace skiptrain::data {

inline constexpr std::size_t kMaxImageFileBytes = 64u << 20;

struct Image {
  ImageShape shape;                  // 1 or 3 channels
  std::vector<std::uint8_t> pixels;  // [channels, height, width]
};

Result<Image> read_image(const std::string& path);
// Of a file's bytes; `name` stands for the path.
Result<Image> decode_image(std::span<const std::uint8_t> bytes, const std::string& name);

// As a PNG file, with 1 or 3 channels; replaces what is there. kUnavailable: cannot be written.
Status write_png(const Image& image, const std::string& path);

}  // namespace skiptrain::data
