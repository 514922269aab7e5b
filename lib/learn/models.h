// The reference models as LibTorch modules. Inside lib/learn only; see model_spec.h for what they
// are. LibTorch's types are only named here, so that its headers stay in .cc files.
#pragma once

#include <cstdint>
#include <memory>

#include "learn/model_spec.h"

namespace at {
class Tensor;
}
namespace torch::nn {
class Module;
}

namespace skiptrain::learn {

class Model {
 public:
  virtual ~Model() = default;

  // images: float32 [batch, channels, height, width] -> logits: float32 [batch, classes].
  virtual at::Tensor forward(const at::Tensor& images) = 0;
  virtual torch::nn::Module& module() = 0;
};

// What a model is computed by.
enum class Paths {
  kPlain,  // ATen's operators, one by one
  kFast,   // those of ops/: the same functions, whose results differ in their last bits
};

// A model of a valid spec with PyTorch's default initialisation after torch.manual_seed(seed). The
// process's generator is left as it was found. May throw c10::Error.
std::unique_ptr<Model> make_model(const ModelSpec& spec, std::uint64_t seed,
                                  Paths paths = Paths::kFast);

}  // namespace skiptrain::learn
