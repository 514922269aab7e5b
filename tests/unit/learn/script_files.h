// TorchScript files for tests, written as a user's Python would write them.
#pragma once

#include <memory>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <torch/script.h>

#include "base/fingerprint.h"
#include "learn/script_file.h"
#include "learn/torch_trainer.h"
#include "tests/unit/learn/quadrants.h"

namespace skiptrain::learn {

inline ScriptFilePtr script_file(std::string bytes, std::string path = "own.pt") {
  auto file = std::make_shared<ScriptFile>();
  file->path = std::move(path);
  file->bytes = std::move(bytes);
  file->digest = Fingerprinter().add(file->bytes).finish();
  return file;
}

inline ScriptFilePtr saved(const torch::jit::Module& module) {
  std::ostringstream out;
  module.save(out);
  return script_file(std::move(out).str());
}

// On the 144 pixels of tests/unit/learn/quadrants.h: parameters "weight" and "bias" of a linear
// layer to 4 classes, a counter, and a flag that tells training.
inline torch::jit::Module linear_module(const std::string& source) {
  torch::manual_seed(3);
  torch::jit::Module module("Own");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_parameter("weight", torch::randn({4, 144}).mul_(0.05).requires_grad_(), false);
  module.register_parameter("bias", torch::zeros({4}).requires_grad_(), false);
  module.register_buffer("mean", torch::zeros({4}));
  module.register_buffer("count", torch::zeros({}, at::kLong));
  if (!source.empty()) module.define(source);
  return module;
}

inline constexpr const char* kLinear = R"(
def forward(self, x):
  return torch.linear(torch.flatten(x, 1), self.weight, self.bias)
)";

inline TrainerOptions own_options(ScriptFilePtr file) {
  TrainerOptions options = quadrant_options();
  options.model.file = std::move(file);
  return options;
}

inline Result<std::unique_ptr<TorchTrainer>> try_create(const TrainerOptions& options) {
  return TorchTrainer::create(options, quadrants(50, 1, options.model.input),
                              quadrants(100, 2, options.model.input));
}

inline std::unique_ptr<TorchTrainer> create(const TrainerOptions& options) {
  auto trainer = try_create(options);
  EXPECT_TRUE(trainer) << trainer.error().message;
  return trainer ? std::move(*trainer) : nullptr;
}

inline std::string refusal(const TrainerOptions& options) {
  const auto trainer = try_create(options);
  EXPECT_FALSE(trainer);
  return trainer ? "" : trainer.error().message;
}

inline std::string refusal(const std::string& source) {
  return refusal(own_options(saved(linear_module(source))));
}

}  // namespace skiptrain::learn
