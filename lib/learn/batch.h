// Turns samples of a data set into the tensors of a minibatch. Inside lib/learn only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/dataset.h"

namespace at {
class Tensor;
}

namespace skiptrain::learn {

// Of pixels; a data set's floats are taken as they are.
struct Normalization {
  // A pixel becomes (value / 255 - mean) / std; one number for all channels, or one for each.
  std::vector<double> mean = {0.0};
  std::vector<double> std = {1.0};
};
// What a pixel of `byte` becomes in `channel`.
float normalized(const Normalization& normalization, std::size_t channel, double byte);

// Holds the memory of one minibatch, used again for the next. Not thread-safe.
class BatchBuffer {
 public:
  // `target_width`: of its data sets; 0 if their samples have labels.
  BatchBuffer(const data::ImageShape& shape, std::size_t max_batch, Normalization normalization,
              std::uint32_t target_width = 0);
  ~BatchBuffer();

  // The samples at `indices`, at most max_batch, in that order.
  void fill(const data::Dataset& dataset, std::span<const std::uint32_t> indices);

  at::Tensor images() const;  // float32 [batch, channels, height, width]; a view, until next fill
  // int64 [batch], the labels; or float32 [batch, target_width]. Likewise.
  at::Tensor targets() const;

 private:
  struct Tensors;
  data::ImageShape shape_;
  std::vector<std::array<float, 256>> value_of_;  // of each pixel byte, by channel
  std::size_t filled_ = 0;
  std::unique_ptr<Tensors> tensors_;
};

}  // namespace skiptrain::learn
