// A made-up task that every model learns quickly: which quadrant of a noisy image is bright; and
// options that suit it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"
#include "data/dataset.h"
#include "learn/trainer_options.h"
#include "model/parameters.h"

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

inline TrainerOptions quadrant_options(const std::string& model = "mlp") {
  TrainerOptions options;
  options.model = {.name = model, .hidden = {16}, .input = {1, 12, 12}, .outputs = 4};
  options.local_steps = 5;
  options.batch_size = 8;
  options.lr = 0.05;
  options.mean = {0.3};
  options.std = {0.3};
  return options;
}

inline std::vector<float> copy(const ParametersPtr& parameters) {
  return {parameters->values().begin(), parameters->values().end()};
}

}  // namespace skiptrain::learn
