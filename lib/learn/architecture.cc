#include "learn/architecture.h"

#include "base/check.h"

namespace skiptrain::learn {
namespace {

// LeNet-5 was drawn for 32x32; smaller images are padded towards it.
constexpr std::uint32_t kLeNet5Side = 32;

Architecture lenet5(const ModelSpec& spec) {
  const bool small = spec.input.height < kLeNet5Side || spec.input.width < kLeNet5Side;
  return {.blocks = {{.channels = 6, .padding = small ? kSamePadding : 0},
                     {.channels = 16, .padding = 0}},
          .linear = {{"fc1", 120}, {"fc2", 84}, {"fc3", spec.outputs}}};
}

Architecture mlp(const ModelSpec& spec) {
  Architecture architecture;
  const auto append = [&layers = architecture.linear](std::uint32_t width) {
    layers.push_back({"fc" + std::to_string(layers.size() + 1), width});
  };
  for (const std::uint32_t width : spec.hidden) append(width);
  append(spec.outputs);
  return architecture;
}

}  // namespace

Architecture architecture_of(const ModelSpec& spec) {
  if (spec.name == "gn-lenet") {
    return {.blocks = {{.channels = 32, .groups = 2},
                       {.channels = 32, .groups = 2},
                       {.channels = 64, .groups = 2}},
            .linear = {{"fc", spec.outputs}}};
  }
  if (spec.name == "femnist-cnn") {
    return {.blocks = {{.channels = 32}, {.channels = 64}},
            .linear = {{"fc1", 512}, {"fc2", spec.outputs}}};
  }
  if (spec.name == "lenet5") return lenet5(spec);
  SKIPTRAIN_CHECK(spec.name == "mlp", "architecture_of takes a known name");
  return mlp(spec);
}

data::ImageShape shape_after(const ConvolutionBlock& block, const data::ImageShape& in) {
  const auto side = [&block](std::uint32_t before) {
    return (before + 2 * block.padding - (kKernel - 1)) / 2;
  };
  return {.channels = block.channels, .height = side(in.height), .width = side(in.width)};
}

std::uint32_t smallest_side(const Architecture& architecture) {
  std::uint32_t side = 1;
  for (auto block = architecture.blocks.rbegin(); block != architecture.blocks.rend(); ++block) {
    side = 2 * side + (kKernel - 1) - 2 * block->padding;
  }
  return side;
}

}  // namespace skiptrain::learn
