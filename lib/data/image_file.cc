#include "data/image_file.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "data/jpeg_decoder.h"
#include "data/mapped_file.h"

namespace skiptrain::data {
namespace {

constexpr std::array<std::uint8_t, 8> kPngMagic = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::array<std::uint8_t, 3> kJpegMagic = {0xff, 0xd8, 0xff};

template <std::size_t kBytes>
bool begins_with(std::span<const std::uint8_t> bytes,
                 const std::array<std::uint8_t, kBytes>& magic) {
  return bytes.size() >= kBytes && std::equal(magic.begin(), magic.end(), bytes.begin());
}

// libpng's simplified interface, and the memory it may hold.
struct Png {
  png_image image{};

  Png() { image.version = PNG_IMAGE_VERSION; }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;
  ~Png() { png_image_free(&image); }
  std::string message() const { return image.message; }
};

Result<Image> decode_png(std::span<const std::uint8_t> bytes, const std::string& name) {
  Png png;
  const auto corrupt = [&] {
    return fail(ErrorCode::kCorrupt, name + ": a PNG file that cannot be read: " + png.message());
  };
  if (png_image_begin_read_from_memory(&png.image, bytes.data(), bytes.size()) == 0) {
    return corrupt();
  }
  const bool has_alpha = (png.image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  const std::uint32_t channels = (png.image.format & PNG_FORMAT_FLAG_COLOR) != 0 ? 3 : 1;
  const ImageShape shape{channels, png.image.height, png.image.width};
  if (auto sized = check_image_shape(shape, name); !sized) {
    return tl::unexpected<Error>(sized.error());
  }
  png.image.format =
      (channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY) | (has_alpha ? PNG_FORMAT_FLAG_ALPHA : 0u);
  const std::size_t stride = channels + (has_alpha ? 1 : 0);
  std::vector<std::uint8_t> raw(std::size_t{shape.height} * shape.width * stride);
  if (png_image_finish_read(&png.image, nullptr, raw.data(), 0, nullptr) == 0) return corrupt();
  if (has_alpha) {
    for (std::size_t at = channels; at < raw.size(); at += stride) {
      if (raw[at] == 0xff) continue;
      const std::size_t pixel = at / stride;
      return fail(ErrorCode::kInvalidArgument,
                  name + ": row " + std::to_string(pixel / shape.width) + ", column " +
                      std::to_string(pixel % shape.width) +
                      " is see-through: must be opaque; with ImageMagick: mogrify -background "
                      "black -alpha remove");
    }
  }
  return Image{shape, planar(raw, shape, stride)};
}

}  // namespace

Status check_image_shape(const ImageShape& shape, const std::string& name) {
  if (shape.height >= 1 && shape.height <= kMaxImageSide && shape.width >= 1 &&
      shape.width <= kMaxImageSide) {
    return {};
  }
  return fail(ErrorCode::kResourceExhausted, name + ": an image of " + std::to_string(shape.width) +
                                                 "x" + std::to_string(shape.height) +
                                                 " pixels: sides must be from 1 to " +
                                                 std::to_string(kMaxImageSide));
}

std::vector<std::uint8_t> planar(std::span<const std::uint8_t> interleaved, const ImageShape& shape,
                                 std::size_t stride) {
  std::vector<std::uint8_t> pixels(shape.value_count());
  const std::size_t plane = std::size_t{shape.height} * shape.width;
  for (std::size_t channel = 0; channel < shape.channels; ++channel) {
    for (std::size_t i = 0; i < plane; ++i) {
      pixels[channel * plane + i] = interleaved[i * stride + channel];
    }
  }
  return pixels;
}

Result<Image> decode_image(std::span<const std::uint8_t> bytes, const std::string& name) {
  if (bytes.size() > kMaxImageFileBytes) {
    return fail(ErrorCode::kResourceExhausted, name + ": " + std::to_string(bytes.size()) +
                                                   " bytes: the limit of an image's file is " +
                                                   std::to_string(kMaxImageFileBytes));
  }
  if (begins_with(bytes, kPngMagic)) return decode_png(bytes, name);
  if (begins_with(bytes, kJpegMagic)) return decode_jpeg(bytes, name);
  return fail(ErrorCode::kCorrupt, name + ": neither a PNG nor a JPEG file");
}

Result<Image> read_image(const std::string& path) {
  const auto file = MappedFile::open(path);
  if (!file) return tl::unexpected<Error>(file.error());
  return decode_image(file->bytes(), path);
}

Status write_png(const Image& image, const std::string& path) {
  const ImageShape& shape = image.shape;
  std::vector<std::uint8_t> interleaved(image.pixels.size());
  const std::size_t plane = std::size_t{shape.height} * shape.width;
  for (std::size_t channel = 0; channel < shape.channels; ++channel) {
    for (std::size_t i = 0; i < plane; ++i) {
      interleaved[i * shape.channels + channel] = image.pixels[channel * plane + i];
    }
  }
  Png png;
  png.image.width = shape.width;
  png.image.height = shape.height;
  png.image.format = shape.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  if (png_image_write_to_file(&png.image, path.c_str(), 0, interleaved.data(), 0, nullptr) != 0) {
    return {};
  }
  return fail(ErrorCode::kUnavailable, path + ": cannot be written: " + png.message());
}

}  // namespace skiptrain::data
