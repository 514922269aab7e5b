// Models as LibTorch modules: the reference models (see model_spec.h for what they are), and those
// that users bring as TorchScript (script_model.h). Inside lib/learn only. LibTorch's types are
// only named here, so that its headers stay in .cc files.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "learn/flat_module.h"
#include "learn/model_spec.h"
#include "learn/module_state.h"

namespace skiptrain::learn {

class Model {
 public:
  virtual ~Model() = default;

  // images: float32 [batch, channels, height, width] -> float32 [batch, outputs], of classes
  // logits.
  virtual at::Tensor forward(const at::Tensor& images) = 0;
  // Of a model that has a loss of its own (LossKind::kModel): the mean over the batch, a scalar.
  // Its outputs go to `outputs`, which stays undefined if the model does not tell them. Throws
  // Refusal if it has none.
  virtual at::Tensor loss(const at::Tensor& images, const at::Tensor& targets,
                          at::Tensor& outputs) = 0;

  // Lives as long as the model.
  virtual StateWalk state() = 0;
  virtual void set_training(bool training) = 0;
  // These modules, by name, do not follow set_training(true).
  virtual void keep_in_evaluation(std::vector<std::string> modules) = 0;
  // What the next passes draw at random (dropout) follows from this alone.
  virtual void seed(std::uint64_t seed) = 0;
  // To be called after each pass: buffers that forward put in place of others are the old ones
  // again, with the new values.
  virtual void settle() = 0;
};

// What a model is computed by.
enum class Paths {
  kPlain,  // ATen's operators, one by one
  kFast,   // those of ops/: the same functions, whose results differ in their last bits
};

// A model of a valid spec: that of its file, or else a reference model with PyTorch's default
// initialisation after torch.manual_seed(seed). The process's generator is left as it was found.
// What a file holds is loaded to `place`; flatten() brings all there. The operators of ops/ are of
// the host.
// May throw c10::Error, and Refusal for what is wrong with a file.
std::unique_ptr<Model> make_model(const ModelSpec& spec, std::uint64_t seed,
                                  Paths paths = Paths::kFast, Place place = Place::kHost);

// What nodes of this model exchange, in one buffer in `place`, where the whole model then lies.
// Throws as FlatModule; what is wrong with a file starts with its path.
FlatModule flatten(Model& model, const ModelSpec& spec, Place place = Place::kHost);

}  // namespace skiptrain::learn
