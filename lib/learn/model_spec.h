// Names the model of a run: which of the reference models, or which TorchScript file, for which
// images and how many outputs, and what of it is frozen.
//
// A value that the config fills in and that all nodes of a run agree on. The models themselves are
// in models.cc; their parameters' names and order are those of the same model written in PyTorch.
//
//   gn-lenet     three 5x5 'same' convolutions 32-32-64, each GroupNorm(2), ReLU, 2x2 max-pool;
//                one linear layer (Hsieh et al. 2020). 89 834 parameters on 3x32x32 and 10 classes,
//                83 754 on 1x28x28.
//   femnist-cnn  5x5 'same' convolutions 32 and 64, each ReLU, 2x2 max-pool; linear 512, linear
//                (LEAF, Caldas et al. 2018). 1 690 046 parameters on 1x28x28 and 62 classes.
//   lenet5       LeCun et al. 1998 with ReLU and max-pool: 5x5 convolutions 6 and 16, linear 120,
//                84. Images of fewer than 32 rows or columns are padded by 2 on each side.
//   mlp          linear layers of the widths `hidden`, each with ReLU, and a last linear layer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"
#include "learn/script_file.h"
#include "model/parameter_layout.h"

namespace skiptrain::learn {

inline constexpr std::uint32_t kMaxOutputs = 65'536;
inline constexpr std::uint32_t kMaxHiddenLayers = 16;
inline constexpr std::uint32_t kMaxHiddenWidth = 65'536;
// 1 GiB of float32; a mistyped width should be an error and not the end of the device's memory.
inline constexpr std::uint64_t kMaxParameters = std::uint64_t{1} << 28;

struct ModelSpec {
  std::string name = "gn-lenet";
  std::vector<std::uint32_t> hidden = {128};  // widths; mlp only
  data::ImageShape input{.channels = 1, .height = 28, .width = 28};
  std::uint32_t outputs = 10;  // one for each class, or for each number that is learned
  // In place of `name`: the model is what the file holds, with the weights that are in it.
  ScriptFilePtr file;
  // Glob patterns: parameters and buffers of these names are neither trained nor exchanged.
  std::vector<std::string> frozen;
  // With a file, whether it must have just `outputs`, or that many at least.
  bool exact_outputs = false;

  // For messages: the name, or the file's.
  std::string label() const;
};

// "gn-lenet, femnist-cnn, lenet5, mlp", for messages.
std::string model_names();
bool is_model_name(std::string_view name);

// kInvalidArgument, naming what is allowed: an unknown model, an image too small for it, a width or
// number of outputs out of range.
Status validate(const ModelSpec& spec);

// Of a valid spec of a reference model, by arithmetic alone.
std::uint64_t parameter_count(const ModelSpec& spec);

// What nodes of this model exchange, without training anything. Errors as `validate`, and as
// TrainerGroup::create for what is wrong with a file or a pattern of `frozen`.
Result<ParameterLayout> layout_of(const ModelSpec& spec);
// With the frozen ones: all parameters and floating-point buffers.
Result<ParameterLayout> whole_layout_of(const ModelSpec& spec);

}  // namespace skiptrain::learn
