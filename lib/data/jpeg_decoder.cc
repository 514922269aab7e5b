#include "data/jpeg_decoder.h"

#include <jpeglib.h>

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
// After it, whose types it needs.
#include <jerror.h>

namespace skiptrain::data {
namespace {

// libjpeg ends the process on an error, unless it is told to jump. It is C, so the jump passes over
// no destructor; `decode` below has none of its own either.
struct ErrorHandler {
  jpeg_error_mgr manager;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void jump_out(j_common_ptr info) {
  auto* handler = reinterpret_cast<ErrorHandler*>(info->err);
  (*info->err->format_message)(info, handler->message);
  std::longjmp(handler->jump, 1);
}

// A warning is of damaged data ("premature end of file"), over which libjpeg would draw grey; but
// for bytes between two parts, which some cameras leave there.
void treat_warning_as_error(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code != JWRN_EXTRANEOUS_DATA) jump_out(info);
}

enum class Outcome { kDone, kDamaged, kOtherColours, kTooLarge, kNoMemory };

struct Decoded {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t channels = 0;
  std::uint8_t* pixels = nullptr;  // of std::malloc; interleaved
};

Outcome decode(jpeg_decompress_struct& info, std::span<const std::uint8_t> bytes,
               Decoded& decoded) {
  jpeg_mem_src(&info, bytes.data(), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&info, TRUE);
  decoded.width = info.image_width;
  decoded.height = info.image_height;
  if (info.jpeg_color_space == JCS_GRAYSCALE) {
    info.out_color_space = JCS_GRAYSCALE;
    decoded.channels = 1;
  } else if (info.jpeg_color_space == JCS_YCbCr || info.jpeg_color_space == JCS_RGB) {
    info.out_color_space = JCS_RGB;
    decoded.channels = 3;
  } else {
    return Outcome::kOtherColours;
  }
  if (decoded.width > kMaxImageSide || decoded.height > kMaxImageSide) return Outcome::kTooLarge;
  const std::size_t row_bytes = std::size_t{decoded.width} * decoded.channels;
  decoded.pixels = static_cast<std::uint8_t*>(std::malloc(row_bytes * decoded.height));
  if (decoded.pixels == nullptr) return Outcome::kNoMemory;
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = decoded.pixels + info.output_scanline * row_bytes;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  return Outcome::kDone;
}

Outcome decode_guarded(std::span<const std::uint8_t> bytes, Decoded& decoded,
                       ErrorHandler& handler) {
  jpeg_decompress_struct info{};
  info.err = jpeg_std_error(&handler.manager);
  handler.manager.error_exit = jump_out;
  handler.manager.emit_message = treat_warning_as_error;
  volatile Outcome outcome = Outcome::kDamaged;
  if (setjmp(handler.jump) == 0) {
    jpeg_create_decompress(&info);
    // Also of a small file: a progressive one may name a large picture.
    info.mem->max_memory_to_use = 256L << 20;
    outcome = decode(info, bytes, decoded);
  }
  jpeg_destroy_decompress(&info);
  return outcome;
}

}  // namespace

Result<Image> decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name) {
  Decoded decoded;
  ErrorHandler handler{};
  const Outcome outcome = decode_guarded(bytes, decoded, handler);
  const ImageShape shape{decoded.channels, decoded.height, decoded.width};
  Image image{shape, {}};
  if (outcome == Outcome::kDone) {
    image.pixels = planar({decoded.pixels, shape.value_count()}, shape, shape.channels);
  }
  std::free(decoded.pixels);
  switch (outcome) {
    case Outcome::kDone:
      return image;
    case Outcome::kTooLarge:
      return tl::unexpected<Error>(check_image_shape(shape, name).error());
    case Outcome::kOtherColours:
      return fail(ErrorCode::kInvalidArgument,
                  name +
                      ": a JPEG file of other colours than grey and RGB (CMYK?): with "
                      "ImageMagick: mogrify -colorspace sRGB");
    case Outcome::kNoMemory:
      return fail(ErrorCode::kResourceExhausted, name + ": no memory for its pixels");
    case Outcome::kDamaged:
      break;
  }
  return fail(ErrorCode::kCorrupt,
              name + ": a JPEG file that cannot be read: " + std::string(handler.message));
}

}  // namespace skiptrain::data
