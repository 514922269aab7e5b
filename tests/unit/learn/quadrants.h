// A made-up task that every model learns quickly: which quadrant of a noisy image is bright.
#pragma once

#include <cstdint>

#include "base/rng.h"
#include "data/dataset.h"

namespace skiptrain::learn {

inline data::Dataset quadrants(std::size_t count, std::uint64_t seed,
                               data::ImageShape shape = {
                                   .channels = 1, .height = 12, .width = 12}) {
  Rng rng(seed);
  data::Dataset dataset{shape, 4, {}, {}};
  for (std::size_t i = 0; i < count; ++i) {
    const auto quadrant = static_cast<std::uint8_t>(rng.below(4));
    dataset.labels.push_back(quadrant);
    for (std::uint32_t c = 0; c < shape.channels; ++c) {
      for (std::uint32_t row = 0; row < shape.height; ++row) {
        for (std::uint32_t column = 0; column < shape.width; ++column) {
          const bool bright = (row >= shape.height / 2) == (quadrant / 2 == 1) &&
                              (column >= shape.width / 2) == (quadrant % 2 == 1);
          dataset.pixels.push_back(static_cast<std::uint8_t>((bright ? 120 : 40) + rng.below(60)));
        }
      }
    }
  }
  return dataset;
}

}  // namespace skiptrain::learn
