#include "learn/augmentation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"

namespace skiptrain::learn {
namespace {

// A loop that is vectorised where std::reverse_copy is not.
void copy_mirrored(const float* row, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < count; ++i) out[i] = row[count - 1 - i];
}

}  // namespace

Status validate(const AugmentationOptions& options, const data::ImageShape& shape) {
  if (options.crop_padding > kMaxCropPadding) {
    return fail(ErrorCode::kInvalidArgument,
                "data.augment.crop_padding = " + std::to_string(options.crop_padding) +
                    ": must be at most " + std::to_string(kMaxCropPadding));
  }
  if (options.is_on() && (shape.height == 1 || shape.width == 1)) {
    return fail(ErrorCode::kInvalidArgument, "data.augment: the samples are " +
                                                 data::to_string(shape) +
                                                 ", no images: must be left out");
  }
  return {};
}

Augmentation::Augmentation(const AugmentationOptions& options, const data::ImageShape& shape,
                           std::vector<float> fill)
    : options_(options),
      shape_(shape),
      fill_(std::move(fill)),
      moved_(std::size_t{shape.height} * shape.width) {
  SKIPTRAIN_CHECK(fill_.size() == shape.channels, "every channel has its padding");
}

void Augmentation::apply(std::span<float> images) {
  if (!options_.is_on()) return;
  const std::size_t values = shape_.value_count();
  SKIPTRAIN_CHECK(images.size() % values == 0, "images are whole");
  for (std::size_t at = 0; at < images.size(); at += values) {
    move(draw(), images.subspan(at, values));
  }
}

Augmentation::Draw Augmentation::draw() {
  Draw drawn;
  if (options_.flip) drawn.flip = rng_.below(2) == 1;
  if (options_.crop_padding > 0) {
    const std::uint64_t places = 2 * std::uint64_t{options_.crop_padding} + 1;
    const auto padding = static_cast<std::int64_t>(options_.crop_padding);
    drawn.down = static_cast<std::int64_t>(rng_.below(places)) - padding;
    drawn.right = static_cast<std::int64_t>(rng_.below(places)) - padding;
  }
  return drawn;
}

// Mirrored first, then moved; what moves in from outside is padding.
void Augmentation::move(const Draw& draw, std::span<float> image) {
  if (!draw.flip && draw.down == 0 && draw.right == 0) return;
  const auto height = static_cast<std::int64_t>(shape_.height);
  const auto width = static_cast<std::int64_t>(shape_.width);
  const std::int64_t left_fill = std::clamp<std::int64_t>(draw.right, 0, width);
  const std::int64_t right_fill = std::clamp<std::int64_t>(-draw.right, 0, width);
  const std::int64_t kept = std::max<std::int64_t>(width - left_fill - right_fill, 0);
  // The columns that stay are from `right_fill` on in the mirrored row.
  const std::int64_t first = draw.flip ? width - right_fill - kept : right_fill;
  for (std::size_t channel = 0; channel < fill_.size(); ++channel) {
    float* const plane = image.data() + channel * moved_.size();
    for (std::int64_t y = 0; y < height; ++y) {
      float* const out = moved_.data() + y * width;
      const std::int64_t from = y - draw.down;
      if (from < 0 || from >= height) {
        std::fill_n(out, width, fill_[channel]);
        continue;
      }
      std::fill_n(out, left_fill, fill_[channel]);
      const float* const row = plane + from * width + first;
      if (draw.flip) {
        copy_mirrored(row, kept, out + left_fill);
      } else {
        std::copy_n(row, kept, out + left_fill);
      }
      std::fill_n(out + left_fill + kept, right_fill, fill_[channel]);
    }
    std::copy(moved_.begin(), moved_.end(), plane);
  }
}

}  // namespace skiptrain::learn
