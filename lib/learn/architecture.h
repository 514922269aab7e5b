// What a reference model consists of, as a value: a stack of convolution blocks, then linear
// layers. The LibTorch module (models.cc) and the count of its parameters (model_spec.cc) both
// follow from it. Inside lib/learn only. No LibTorch, no threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "learn/model_spec.h"

namespace skiptrain::learn {

inline constexpr std::uint32_t kKernel = 5;       // side of every convolution
inline constexpr std::uint32_t kSamePadding = 2;  // makes such a convolution keep the size

// A convolution, GroupNorm if `groups` is not 0, ReLU, 2x2 max-pool.
struct ConvolutionBlock {
  std::uint32_t channels = 0;  // that come out
  std::uint32_t padding = kSamePadding;
  std::uint32_t groups = 0;
};

struct LinearLayer {
  std::string name;         // as the same layer is called in PyTorch
  std::uint32_t width = 0;  // values that come out
};

struct Architecture {
  std::vector<ConvolutionBlock> blocks;
  std::vector<LinearLayer> linear;  // ReLU between them; the last gives the logits
};

// Of a spec whose name is known.
Architecture architecture_of(const ModelSpec& spec);

// What comes out of a block that takes images of `in`, of at least smallest_side rows and columns.
data::ImageShape shape_after(const ConvolutionBlock& block, const data::ImageShape& in);

// The least number of rows, and of columns, that leaves one value after the last pool.
std::uint32_t smallest_side(const Architecture& architecture);

}  // namespace skiptrain::learn
