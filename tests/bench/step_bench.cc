// Measures a training step: the trainer's own, with its fast paths and without, beside the same
// step written plainly in LibTorch. And mixing beside memcpy.
//
//   step_bench [--repeats R]     a table: medians of R turns, in turns
//   step_bench serve             for step.py: reads lines "WHAT MODEL STEPS" or "mix COPIES COUNT",
//                                answers each with seconds; ends with its input
//
// WHAT is fast or off (rounds of a trainer, all that belongs to a step included), plain (the loop
// in LibTorch, one prepared minibatch), evaluate or evaluate-off (STEPS minibatches of 32 samples),
// gather (minibatches put together and nothing more),
// script:FILE (a TorchScript module with our operators put in) or script-off:FILE (as it is).
// One thread. Nothing here touches the process's malloc settings.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <torch/script.h>
#include <torch/torch.h>

#include "base/check.h"
#include "learn/batch.h"
#include "learn/flat_module.h"
#include "learn/minibatch_sampler.h"
#include "learn/ops/graph.h"
#include "learn/ops/step_memory.h"
#include "learn/torch_trainer.h"
#include "model/mixing.h"
#include "training_bench.h"

namespace skiptrain::learn {
namespace {

// So small that a loop goes on learning nothing for as long as it is measured.
constexpr double kRate = 1e-6;
constexpr std::uint32_t kPool = 8192;  // samples to draw minibatches from
constexpr std::uint32_t kEvaluationBatch = 32;

struct Kind {
  ModelSpec spec;
  std::uint32_t batch = 32;
};

Kind kind_of(const std::string& name) {
  Kind kind{.spec = {.name = name}};
  if (name == "femnist-cnn") {
    kind.spec.outputs = 62;
    kind.batch = 16;
  }
  SKIPTRAIN_CHECK(is_model_name(name), "the bench is given a model's name");
  return kind;
}

// Something that does so many steps when it is told to; gives the seconds they took.
class Runner {
 public:
  virtual ~Runner() = default;
  virtual void run(std::uint32_t steps) = 0;

  double seconds(std::uint32_t steps) {
    use_threads(1);
    const auto begin = Clock::now();
    run(steps);
    return seconds_since(begin);
  }
};

// Rounds of a trainer. A round has a fixed number of steps, so there is a trainer for each number.
class TrainerRunner final : public Runner {
 public:
  TrainerRunner(const Kind& kind, bool fast, bool evaluates)
      : options_{.model = kind.spec, .batch_size = kind.batch, .lr = kRate, .fast_paths = fast},
        evaluates_(evaluates),
        data_(std::make_shared<const data::Dataset>(noise(kind.spec, kPool))) {}

  void run(std::uint32_t steps) override {
    auto& trainer = trainers_[evaluates_ ? 0 : steps];
    if (!trainer) {
      TrainerOptions options = options_;
      options.local_steps = steps;
      auto made = TorchTrainer::create(options, *data_, *data_);
      SKIPTRAIN_CHECK(made.has_value(), "the bench's options are valid");
      trainer = std::move(*made);
      parameters_ = trainer->initial_parameters();
    }
    if (evaluates_) {
      const auto result = trainer->evaluate(*parameters_, std::uint64_t{steps} * kEvaluationBatch);
      SKIPTRAIN_CHECK(result.has_value(), "the bench's evaluation stays finite");
      return;
    }
    const auto outcome = trainer->train({Round(round_++), parameters_});
    SKIPTRAIN_CHECK(outcome.has_value(), "the bench's training stays finite");
    parameters_ = outcome->parameters;
  }

 private:
  TrainerOptions options_;
  bool evaluates_;
  std::shared_ptr<const data::Dataset> data_;
  std::map<std::uint32_t, std::unique_ptr<TorchTrainer>> trainers_;
  ParametersPtr parameters_;
  std::uint64_t round_ = 0;
};

// What a step spends on its minibatch before anything is computed: as much as could be saved by
// gathering the next one on another core meanwhile.
class GatherRunner final : public Runner {
 public:
  explicit GatherRunner(const Kind& kind)
      : data_(noise(kind.spec, kPool)), batch_(kind.spec.input, kind.batch, {}) {
    std::vector<std::uint32_t> all(kPool);
    std::iota(all.begin(), all.end(), 0u);
    sampler_.emplace(all, kind.batch, 1);
  }

  void run(std::uint32_t steps) override {
    for (std::uint32_t i = 0; i < steps; ++i) batch_.fill(data_, sampler_->next());
  }

 private:
  data::Dataset data_;
  BatchBuffer batch_;
  std::optional<MinibatchSampler> sampler_;
};

struct Minibatch {
  explicit Minibatch(const Kind& kind)
      : images(torch::rand(
            {kind.batch, kind.spec.input.channels, kind.spec.input.height, kind.spec.input.width})),
        labels(torch::randint(kind.spec.outputs, {kind.batch}, at::kLong)) {}
  at::Tensor images;
  at::Tensor labels;
};

std::vector<at::Tensor> parameters_of(Model& model) {
  std::vector<at::Tensor> parameters;
  model.state()([&](const std::string&, const at::Tensor& tensor, StateKind kind) {
    if (kind == StateKind::kParameter) parameters.push_back(tensor);
  });
  return parameters;
}

// As anybody would write it.
class PlainRunner final : public Runner {
 public:
  explicit PlainRunner(const Kind& kind)
      : model_(make_model(kind.spec, 1, Paths::kPlain)),
        minibatch_(kind),
        sgd_(parameters_of(*model_), torch::optim::SGDOptions(kRate)) {}

  void run(std::uint32_t steps) override {
    for (std::uint32_t i = 0; i < steps; ++i) {
      sgd_.zero_grad();
      const at::Tensor loss =
          torch::cross_entropy_loss(model_->forward(minibatch_.images), minibatch_.labels);
      loss.backward();
      sgd_.step();
      last_ = loss.item<float>();
    }
  }

 private:
  std::unique_ptr<Model> model_;
  Minibatch minibatch_;
  torch::optim::SGD sgd_;
  float last_ = 0;
};

class ScriptRunner final : public Runner {
 public:
  ScriptRunner(const std::string& file, const Kind& kind, bool fast)
      : module_(torch::jit::load(file)), minibatch_(kind), fast_(fast) {
    if (fast)
      SKIPTRAIN_CHECK(optimize_graph(module_) > 0, "the bench's script has known operators");
    std::vector<at::Tensor> parameters;
    for (const at::Tensor& parameter : module_.parameters()) parameters.push_back(parameter);
    sgd_.emplace(parameters, torch::optim::SGDOptions(kRate));
    module_.train();
  }

  void run(std::uint32_t steps) override {
    const StepMemory memory(fast_);
    for (std::uint32_t i = 0; i < steps; ++i) {
      sgd_->zero_grad();
      const at::Tensor loss = torch::cross_entropy_loss(
          module_.forward({minibatch_.images}).toTensor(), minibatch_.labels);
      loss.backward();
      sgd_->step();
      last_ = loss.item<float>();
    }
  }

 private:
  torch::jit::Module module_;
  Minibatch minibatch_;
  std::optional<torch::optim::SGD> sgd_;
  bool fast_;
  float last_ = 0;
};

std::unique_ptr<Runner> make_runner(const std::string& what, const std::string& model) {
  const Kind kind = kind_of(model);
  const auto file_after = [&what](const std::string& head) -> std::optional<std::string> {
    if (what.rfind(head, 0) != 0) return std::nullopt;
    return what.substr(head.size());
  };
  if (const auto file = file_after("script:")) {
    return std::make_unique<ScriptRunner>(*file, kind, true);
  }
  if (const auto file = file_after("script-off:")) {
    return std::make_unique<ScriptRunner>(*file, kind, false);
  }
  if (what == "gather") return std::make_unique<GatherRunner>(kind);
  if (what == "plain") return std::make_unique<PlainRunner>(kind);
  const bool fast = what == "fast" || what == "evaluate";
  const bool evaluates = what == "evaluate" || what == "evaluate-off";
  SKIPTRAIN_CHECK(fast || what == "off" || what == "evaluate-off", "the bench knows what to run");
  return std::make_unique<TrainerRunner>(kind, fast, evaluates);
}

// Seconds that a mix of `models` takes, and those of a memcpy that moves as many bytes: one model
// read for each, one written.
struct MixTimes {
  double mix = 0.0;
  double copy = 0.0;
};

MixTimes time_mix(std::size_t models, std::size_t count) {
  static std::vector<std::vector<float>> values;
  values.resize(models);
  for (auto& model : values) model.resize(count, 0.5f);
  static std::vector<float> out;
  out.resize(count);
  std::vector<WeightedInput> inputs;
  for (const auto& model : values) {
    inputs.push_back(WeightedInput{.weight = 1.0 / static_cast<double>(models), .values = model});
  }
  MixTimes times;
  auto begin = Clock::now();
  mix(inputs, out);
  times.mix = seconds_since(begin);
  // memcpy reads and writes what it copies; half of the bytes each.
  const std::size_t bytes = (models + 1) * count * sizeof(float) / 2;
  static std::vector<char> from;
  static std::vector<char> to;
  from.resize(bytes, 1);
  to.resize(bytes);
  begin = Clock::now();
  std::memcpy(to.data(), from.data(), bytes);
  times.copy = seconds_since(begin);
  return times;
}

int serve() {
  std::map<std::string, std::unique_ptr<Runner>> runners;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string what;
    std::string model;
    std::uint32_t steps = 0;
    words >> what >> model >> steps;
    if (what == "mix") {
      const MixTimes times = time_mix(std::stoul(model), steps);
      std::printf("%.9f %.9f\n", times.mix, times.copy);
    } else {
      auto& runner = runners[what + " " + model];
      if (!runner) runner = make_runner(what, model);
      std::printf("%.9f\n", runner->seconds(steps));
    }
    std::fflush(stdout);
  }
  return 0;
}

int table(int repeats) {
  std::printf("one thread; ms a step, medians of %d turns\n", repeats);
  std::printf("%-12s %6s %8s %8s %8s %12s %10s %14s %8s\n", "model", "batch", "plain", "off",
              "fast", "fast : plain", "evaluate", "of it off", "gather");
  for (const std::string name : {"gn-lenet", "femnist-cnn", "lenet5", "mlp"}) {
    const std::vector<std::string> whats = {"plain",    "off",          "fast",
                                            "evaluate", "evaluate-off", "gather"};
    std::vector<std::unique_ptr<Runner>> runners;
    std::vector<std::vector<double>> times(whats.size());
    for (const std::string& what : whats) runners.push_back(make_runner(what, name));
    const std::uint32_t steps = name == "mlp" ? 200 : name == "lenet5" ? 40 : 10;
    for (int turn = -1; turn < repeats; ++turn) {
      for (std::size_t i = 0; i < whats.size(); ++i) {
        const double ms = runners[i]->seconds(steps) * 1e3 / steps;
        if (turn >= 0) times[i].push_back(ms);
      }
    }
    const auto of = [&times](std::size_t i) { return median(times[i]); };
    std::printf("%-12s %6u %8.3f %8.3f %8.3f %12.3f %10.3f %14.3f %8.4f\n", name.c_str(),
                kind_of(name).batch, of(0), of(1), of(2), of(2) / of(0), of(3), of(3) / of(4),
                of(5));
    std::fflush(stdout);
  }
  return 0;
}

int run(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "serve") return serve();
  int repeats = 7;
  if (argc > 2 && std::string(argv[1]) == "--repeats") repeats = std::stoi(argv[2]);
  return table(repeats);
}

}  // namespace
}  // namespace skiptrain::learn

int main(int argc, char** argv) {
  return skiptrain::learn::run(argc, argv);
}
