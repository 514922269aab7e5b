#include "learn/model_spec.h"

#include <algorithm>
#include <array>

#include "learn/architecture.h"

namespace skiptrain::learn {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"gn-lenet", "femnist-cnn", "lenet5", "mlp"};

// Weights and biases.
std::uint64_t convolution(std::uint64_t in, std::uint64_t out) {
  return out * (in * kKernel * kKernel) + out;
}
std::uint64_t linear(std::uint64_t in, std::uint64_t out) {
  return in * out + out;
}
std::uint64_t group_norm(std::uint64_t channels) {
  return 2 * channels;
}

Error invalid(const ModelSpec& spec, const std::string& why) {
  return {ErrorCode::kInvalidArgument, "model " + spec.label() + ": " + why};
}

Status validate_hidden(const ModelSpec& spec) {
  if (spec.hidden.size() > kMaxHiddenLayers) {
    return tl::unexpected(invalid(spec, std::to_string(spec.hidden.size()) +
                                            " hidden layers: at most " +
                                            std::to_string(kMaxHiddenLayers)));
  }
  for (const std::uint32_t width : spec.hidden) {
    if (width < 1 || width > kMaxHiddenWidth) {
      return tl::unexpected(invalid(spec, "hidden width " + std::to_string(width) +
                                              ": must be from 1 to " +
                                              std::to_string(kMaxHiddenWidth)));
    }
  }
  return {};
}

}  // namespace

std::string model_names() {
  std::string names;
  for (const std::string_view name : kNames) {
    names += (names.empty() ? "" : ", ");
    names += name;
  }
  return names;
}

bool is_model_name(std::string_view name) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string ModelSpec::label() const {
  return file ? file->path : name;
}

Status validate(const ModelSpec& spec) {
  if (!spec.file && !is_model_name(spec.name)) {
    return fail(ErrorCode::kInvalidArgument,
                "model \"" + spec.name + "\" is not known: must be one of " + model_names());
  }
  if (spec.outputs < 1 || spec.outputs > kMaxOutputs) {
    return tl::unexpected(invalid(spec, std::to_string(spec.outputs) +
                                            " outputs: must be from 1 to " +
                                            std::to_string(kMaxOutputs)));
  }
  // What a file's model takes, it says itself.
  const std::uint32_t side = spec.file ? 1 : smallest_side(architecture_of(spec));
  if (spec.input.channels < 1 || spec.input.height < side || spec.input.width < side) {
    return tl::unexpected(invalid(spec, "images of " + data::to_string(spec.input) +
                                            " are too small: needs at least 1x" +
                                            std::to_string(side) + "x" + std::to_string(side)));
  }
  if (spec.input.channels > data::kMaxImageChannels || spec.input.height > data::kMaxImageSide ||
      spec.input.width > data::kMaxImageSide) {
    return tl::unexpected(
        invalid(spec, "images of " + data::to_string(spec.input) + " are too large: at most " +
                          std::to_string(data::kMaxImageChannels) + " channels and sides of " +
                          std::to_string(data::kMaxImageSide)));
  }
  if (spec.file) return {};
  if (spec.name == "mlp") {
    if (auto hidden = validate_hidden(spec); !hidden) return hidden;
  }
  if (const std::uint64_t count = parameter_count(spec); count > kMaxParameters) {
    return tl::unexpected(invalid(spec, std::to_string(count) + " parameters: at most " +
                                            std::to_string(kMaxParameters) +
                                            "; use smaller layers or images"));
  }
  return {};
}

std::uint64_t parameter_count(const ModelSpec& spec) {
  const Architecture architecture = architecture_of(spec);
  std::uint64_t count = 0;
  data::ImageShape shape = spec.input;
  for (const ConvolutionBlock& block : architecture.blocks) {
    count += convolution(shape.channels, block.channels);
    if (block.groups != 0) count += group_norm(block.channels);
    shape = shape_after(block, shape);
  }
  std::uint64_t width = shape.value_count();
  for (const LinearLayer& layer : architecture.linear) {
    count += linear(width, layer.width);
    width = layer.width;
  }
  return count;
}

}  // namespace skiptrain::learn
