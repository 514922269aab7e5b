#include "learn/batch.h"

#include <algorithm>

#include <torch/torch.h>

#include "base/check.h"

namespace skiptrain::learn {

struct BatchBuffer::Tensors {
  at::Tensor images;
  at::Tensor targets;
};

float normalized(const Normalization& normalization, std::size_t channel, double byte) {
  const auto of_channel = [channel](const std::vector<double>& list) {
    return list.size() == 1 ? list.front() : list[channel];
  };
  return static_cast<float>((byte / 255.0 - of_channel(normalization.mean)) /
                            of_channel(normalization.std));
}

BatchBuffer::BatchBuffer(const data::ImageShape& shape, std::size_t max_batch,
                         Normalization normalization, std::uint32_t target_width)
    : shape_(shape), tensors_(std::make_unique<Tensors>()) {
  const auto count = static_cast<std::int64_t>(max_batch);
  tensors_->images = at::empty({count, shape.channels, shape.height, shape.width}, at::kFloat);
  tensors_->targets = target_width == 0 ? at::empty({count}, at::kLong)
                                        : at::empty({count, target_width}, at::kFloat);
  value_of_.resize(shape.channels);
  for (std::size_t channel = 0; channel < shape.channels; ++channel) {
    for (std::size_t byte = 0; byte < value_of_[channel].size(); ++byte) {
      value_of_[channel][byte] = normalized(normalization, channel, static_cast<double>(byte));
    }
  }
}

BatchBuffer::~BatchBuffer() = default;

void BatchBuffer::fill(const data::Dataset& dataset, std::span<const std::uint32_t> indices) {
  SKIPTRAIN_CHECK(static_cast<std::int64_t>(indices.size()) <= tensors_->targets.size(0),
                  "a minibatch fits its buffer");
  SKIPTRAIN_CHECK(dataset.shape == shape_, "the buffer is made for this data set's images");
  const std::uint32_t target_width = dataset.target_width;
  SKIPTRAIN_CHECK(tensors_->targets.numel() ==
                      tensors_->targets.size(0) * std::max<std::int64_t>(target_width, 1),
                  "the buffer is made for this data set's targets");
  const std::size_t value_count = shape_.value_count();
  float* out = tensors_->images.data_ptr<float>();
  std::int64_t* labels = target_width == 0 ? tensors_->targets.data_ptr<std::int64_t>() : nullptr;
  float* targets = target_width == 0 ? nullptr : tensors_->targets.data_ptr<float>();
  for (const std::uint32_t index : indices) {
    if (dataset.holds_floats()) {
      std::copy_n(dataset.float_sample(index), value_count, out);
    } else {
      const std::uint8_t* pixels = dataset.sample(index);
      const std::size_t plane = value_count / shape_.channels;
      for (std::size_t channel = 0; channel < shape_.channels; ++channel) {
        const std::array<float, 256>& value_of = value_of_[channel];
        const std::size_t end = (channel + 1) * plane;
        for (std::size_t k = channel * plane; k < end; ++k) out[k] = value_of[pixels[k]];
      }
    }
    out += value_count;
    if (labels != nullptr) {
      *labels++ = dataset.labels[index];
    } else {
      targets = std::copy_n(dataset.target(index), target_width, targets);
    }
  }
  filled_ = indices.size();
}

at::Tensor BatchBuffer::images() const {
  return tensors_->images.narrow(0, 0, static_cast<std::int64_t>(filled_));
}

at::Tensor BatchBuffer::targets() const {
  return tensors_->targets.narrow(0, 0, static_cast<std::int64_t>(filled_));
}

}  // namespace skiptrain::learn
