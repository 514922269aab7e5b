// Random changes to the images of a training minibatch, so that a small share goes further: a
// mirror image, and a crop after padding, as for CIFAR in He et al. 2016 (arXiv 1512.03385,
// section 4.2).
//
// It works on the floats of a filled minibatch, in place. What is drawn follows from the seed of
// the round alone, so a round that is repeated sees the same images. No LibTorch; one thread at a
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "data/dataset.h"

namespace skiptrain::learn {

struct AugmentationOptions {
  bool flip = false;               // left to right, of half of the images
  std::uint32_t crop_padding = 0;  // pixels on every side, before a crop back to size; 0: no crop

  bool is_on() const { return flip || crop_padding > 0; }
  bool operator==(const AugmentationOptions&) const = default;
};

inline constexpr std::uint32_t kMaxCropPadding = 64;

// kInvalidArgument: samples that are no images (a side of 1), or a padding beyond kMaxCropPadding.
Status validate(const AugmentationOptions& options, const data::ImageShape& shape);

class Augmentation {
 public:
  // `fill`: what stands in the padding, for each channel.
  Augmentation(const AugmentationOptions& options, const data::ImageShape& shape,
               std::vector<float> fill);

  // To be called before the minibatches of a round.
  void begin_round(std::uint64_t seed) { rng_ = Rng(seed); }
  // `images`: [n, channels, height, width], whole images of the shape.
  void apply(std::span<float> images);

 private:
  struct Draw {
    bool flip = false;
    std::int64_t down = 0;  // by which the image moves within its frame, and to the right
    std::int64_t right = 0;
  };

  Draw draw();
  void move(const Draw& draw, std::span<float> image);

  AugmentationOptions options_;
  data::ImageShape shape_;
  std::vector<float> fill_;
  std::vector<float> moved_;  // one channel, in the making
  Rng rng_{0};
};

}  // namespace skiptrain::learn
