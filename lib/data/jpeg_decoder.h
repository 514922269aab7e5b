// JPEG to pixels, and what both decoders of image_file.h share. Inside lib/data only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/image_file.h"

namespace skiptrain::data {

// Errors as in image_file.h.
Result<Image> decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name);

// kResourceExhausted unless both sides are from 1 to kMaxImageSide.
Status check_image_shape(const ImageShape& shape, const std::string& name);
// [height, width, stride] to [channels, height, width]; channels beyond the shape's are left out.
std::vector<std::uint8_t> planar(std::span<const std::uint8_t> interleaved, const ImageShape& shape,
                                 std::size_t stride);

}  // namespace skiptrain::data
