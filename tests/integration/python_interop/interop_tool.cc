// What interop_test.py compares PyTorch with: our models, our training, our files.
//
//   interop_tool export MODEL CxHxW CLASSES DIR
//     writes images.f32, labels.u8 and logits.f32 (of x(0)), initial.safetensors and
//     trained.safetensors (x(0) after five steps on the whole set) into DIR
//   interop_tool evaluate MODEL CxHxW CLASSES DIR
//     reads DIR/foreign.safetensors and prints its loss and accuracy on the same set
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include <torch/torch.h>

#include "base/rng.h"
#include "learn/batch.h"
#include "learn/models.h"
#include "learn/torch_trainer.h"
#include "store/safetensors.h"

namespace skiptrain {
namespace {

// interop_test.py knows these numbers too.
constexpr std::uint64_t kSeed = 42;
constexpr std::uint32_t kSamples = 24;
constexpr std::uint32_t kSteps = 5;
constexpr double kMean = 0.25;
constexpr double kStd = 0.5;

[[noreturn]] void die(const std::string& message) {
  std::cerr << "interop_tool: " << message << '\n';
  std::exit(1);
}

template <typename T>
T value_or_die(Result<T> result) {
  if (!result) die(result.error().message);
  return std::move(*result);
}

data::Dataset noise(const learn::ModelSpec& spec) {
  Rng rng(kSeed);
  data::Dataset dataset{spec.input, spec.outputs, {}, {}};
  for (std::uint32_t i = 0; i < kSamples; ++i) {
    dataset.labels.push_back(static_cast<std::uint8_t>(rng.below(spec.outputs)));
    for (std::size_t k = 0; k < spec.input.value_count(); ++k) {
      dataset.pixels.push_back(static_cast<std::uint8_t>(rng.below(256)));
    }
  }
  return dataset;
}

void write_raw(const std::string& path, const void* data, std::size_t bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
  if (!file) die(path + ": cannot be written");
}

void write_tensor(const std::string& path, const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  write_raw(path, dense.data_ptr<float>(), dense.numel() * sizeof(float));
}

void write_model(const std::string& path, const ParameterLayout& layout,
                 const ParametersPtr& parameters, Round round) {
  const auto written = store::write_safetensors(path, layout, parameters->values(),
                                                {.round = round, .run_id = "interop"});
  if (!written) die(written.error().message);
}

// The logits come from a model of our own making, next to the trainer's.
void write_forward(const learn::ModelSpec& spec, const data::Dataset& dataset,
                   const std::string& folder) {
  const auto model = learn::make_model(spec, kSeed);
  learn::BatchBuffer batch(spec.input, dataset.size(), {{kMean}, {kStd}});
  std::vector<std::uint32_t> all(dataset.size());
  for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
  batch.fill(dataset, all);
  const torch::NoGradGuard no_grad;
  write_tensor(folder + "/images.f32", batch.images());
  write_tensor(folder + "/logits.f32", model->forward(batch.images()));
  const std::vector<std::uint8_t> labels(dataset.labels.begin(), dataset.labels.end());
  write_raw(folder + "/labels.u8", labels.data(), labels.size());
}

learn::ModelSpec parse_spec(char** argv) {
  learn::ModelSpec spec{.name = argv[2], .hidden = {32, 16}};
  if (std::sscanf(argv[3], "%ux%ux%u", &spec.input.channels, &spec.input.height,
                  &spec.input.width) != 3) {
    die("bad image shape");
  }
  spec.outputs = static_cast<std::uint32_t>(std::atoi(argv[4]));
  return spec;
}

int run(int argc, char** argv) {
  if (argc != 6) die("usage: interop_tool export|evaluate MODEL CxHxW CLASSES DIR");
  const learn::ModelSpec spec = parse_spec(argv);
  const std::string folder = argv[5];
  const data::Dataset dataset = noise(spec);
  const learn::TrainerOptions options{.model = spec,
                                      .local_steps = kSteps,
                                      .batch_size = kSamples,  // so that the order is no matter
                                      .lr = 0.02,
                                      .optimizer = {.momentum = 0.9, .weight_decay = 0.01},
                                      .seed = kSeed,
                                      .mean = {kMean},
                                      .std = {kStd}};
  const auto trainer = value_or_die(learn::TorchTrainer::create(options, dataset, dataset));
  if (std::string(argv[1]) == "evaluate") {
    const auto file =
        value_or_die(store::read_safetensors(folder + "/foreign.safetensors", &trainer->layout()));
    const auto evaluation = value_or_die(trainer->evaluate(*file.parameters, 0));
    std::printf("%.9g %.9g\n", evaluation.loss, evaluation.accuracy.value());
    return 0;
  }
  write_forward(spec, dataset, folder);
  const ParametersPtr start = trainer->initial_parameters();
  write_model(folder + "/initial.safetensors", trainer->layout(), start, Round(0));
  const auto trained = value_or_die(trainer->train({Round(0), start}));
  write_model(folder + "/trained.safetensors", trainer->layout(), trained.parameters, Round(1));
  return 0;
}

}  // namespace
}  // namespace skiptrain

int main(int argc, char** argv) {
  return skiptrain::run(argc, argv);
}
