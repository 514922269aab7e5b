// Measures what it costs to train many virtual nodes through a TrainerGroup, next to the same steps
// in a bare loop in the same run: the floor.
//
//   sim_train_bench [--handles N] [--steps S] [--workers W]... [--repeats R]
//
// GN-LeNet on 1x28x28, batch 32, one thread within an operator. For each number of workers W, and
// in turns, so that whatever else the machine does falls on all alike:
//   bare    one thread: module, loss, gradients, SGD on one minibatch; no group, no data set
//   bare xW the same in W threads at once, each with a module of its own: what caches, clocks and
//           the allocator take when all cores work
//   group   N handles, S steps each, pulled by W threads
// Times are of one step in one thread: wall time, and processor time, which other programs on the
// machine disturb less.
// First comes the memory of N handles with two parameter buffers for each, and that of one handle;
// after each W, what evaluations take when W run at once.
#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <torch/torch.h>

#include "base/check.h"
#include "learn/memory.h"
#include "learn/trainer_group.h"
#include "training_bench.h"

namespace skiptrain::learn {
namespace {

constexpr int kMinBareSteps = 50;
constexpr std::uint32_t kEvaluated = 1000;  // samples
constexpr int kEvaluations = 5;

struct Settings {
  std::uint32_t handles = 256;
  std::uint32_t steps = 10;  // of a handle's train round
  int repeats = 5;
  std::vector<std::uint32_t> workers;
};

double resident_mb() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

// What the allocator has lent out.
std::size_t heap_bytes() {
#ifdef __GLIBC__
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return static_cast<std::size_t>(resident_mb() * 1e6);
#endif
}

// Of one step in one thread.
struct StepTime {
  double wall_ms = 0.0;
  double cpu_ms = 0.0;
};

double process_cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Runs `work(i)` in `threads` threads at once, which together do `steps` steps.
template <typename Work>
StepTime timed(std::size_t threads, double steps, Work&& work) {
  const double cpu_begin = process_cpu_seconds();
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> running;
    for (std::size_t i = 0; i < threads; ++i) running.emplace_back([&work, i] { work(i); });
  }
  const double wall = seconds_since(begin);
  return {wall * 1e3 * static_cast<double>(threads) / steps,
          (process_cpu_seconds() - cpu_begin) * 1e3 / steps};
}

using Loops = std::vector<std::unique_ptr<BareLoop>>;

StepTime time_bare(Loops& loops, int steps) {
  return timed(loops.size(), static_cast<double>(loops.size()) * steps,
               [&](std::size_t i) { loops[i]->run(steps); });
}

using Handles = std::vector<std::unique_ptr<ports::Trainer>>;

// A train round of all handles; `models` are taken and replaced.
StepTime time_group(Handles& handles, std::vector<ParametersPtr>& models, std::uint32_t workers,
                    const Settings& settings, std::uint64_t round) {
  std::atomic<std::size_t> next = 0;
  return timed(workers, static_cast<double>(handles.size()) * settings.steps, [&](std::size_t) {
    for (std::size_t node = next++; node < handles.size(); node = next++) {
      auto outcome = handles[node]->train({Round(round), models[node]});
      SKIPTRAIN_CHECK(outcome.has_value(), "the bench's training stays finite");
      models[node] = outcome->parameters;
    }
  });
}

StepTime median_step(const std::vector<StepTime>& times) {
  std::vector<double> wall;
  std::vector<double> cpu;
  for (const StepTime& time : times) {
    wall.push_back(time.wall_ms);
    cpu.push_back(time.cpu_ms);
  }
  return {median(wall), median(cpu)};
}

void print(std::uint32_t workers, const char* what, const StepTime& time, const StepTime& floor) {
  std::printf("%7u  %-8s %10.3f %10.3f %12.3f %12.3f\n", workers, what, time.wall_ms, time.cpu_ms,
              time.wall_ms / floor.wall_ms, time.cpu_ms / floor.cpu_ms);
  std::fflush(stdout);
}

void measure(const Settings& settings, const TrainerOptions& options,
             const std::shared_ptr<const data::Dataset>& dataset, std::uint32_t workers) {
  const auto group = TrainerGroup::create(options, dataset, dataset,
                                          {.workers = workers, .idle_buffers = settings.handles});
  SKIPTRAIN_CHECK(group.has_value(), "the bench's options are valid");
  Handles handles = make_trainers(*group, settings.handles);
  std::vector<ParametersPtr> models(handles.size(), group->initial_parameters());
  Loops alone;
  Loops crowd;
  alone.push_back(std::make_unique<BareLoop>());
  for (std::uint32_t i = 0; i < workers; ++i) crowd.push_back(std::make_unique<BareLoop>());
  const int bare_steps =
      std::max(kMinBareSteps, static_cast<int>(settings.handles * settings.steps / workers / 4));
  std::vector<StepTime> bare;
  std::vector<StepTime> crowded;
  std::vector<StepTime> grouped;
  (void)time_bare(alone, kMinBareSteps);
  (void)time_bare(crowd, kMinBareSteps);
  (void)time_group(handles, models, workers, settings, 0);
  for (int repeat = 1; repeat <= settings.repeats; ++repeat) {
    bare.push_back(time_bare(alone, bare_steps));
    if (workers > 1) crowded.push_back(time_bare(crowd, bare_steps));
    grouped.push_back(
        time_group(handles, models, workers, settings, static_cast<std::uint64_t>(repeat)));
  }
  const StepTime evaluation =
      timed(workers, static_cast<double>(workers) * kEvaluations, [&](std::size_t i) {
        for (int repeat = 0; repeat < kEvaluations; ++repeat) {
          const auto measured = handles[i % handles.size()]->evaluate(*models[0], kEvaluated);
          SKIPTRAIN_CHECK(measured.has_value(), "the bench's evaluation stays finite");
        }
      });
  const StepTime floor = median_step(bare);
  print(workers, "bare", floor, floor);
  if (workers > 1) print(workers, "bare xW", median_step(crowded), floor);
  print(workers, "group", median_step(grouped), floor);
  std::printf("%7u  evaluation of %u samples: %.1f ms in each thread\n", workers, kEvaluated,
              evaluation.wall_ms);
}

void measure_memory(const Settings& settings, const TrainerOptions& options,
                    const std::shared_ptr<const data::Dataset>& dataset) {
  const auto group = TrainerGroup::create(options, dataset, dataset);
  SKIPTRAIN_CHECK(group.has_value(), "the bench's options are valid");
  // Buffers before handles, which leave free memory behind.
  const double empty = resident_mb();
  {
    const Handles handles = make_trainers(*group, settings.handles);
    std::vector<MutableParametersPtr> buffers;
    for (std::uint32_t i = 0; i < 2 * settings.handles; ++i) {
      buffers.push_back(group->pool().acquire());
      std::memset(buffers.back()->values().data(), 0, buffers.back()->bytes().size());
    }
    const double parameters_mb =
        2.0 * settings.handles * static_cast<double>(group->layout().parameter_count()) * 4 / 1e6;
    std::printf(
        "%u nodes with two buffers each: %.1f MB more, of which parameters %.1f MB; "
        "%.1f MB resident in all\n",
        settings.handles, resident_mb() - empty, parameters_mb, resident_mb());
  }
  constexpr std::uint32_t kMany = 20'000;
  const std::size_t before = heap_bytes();
  const Handles many = make_trainers(*group, kMany);
  std::printf("a handle: %.0f bytes, its %.0f samples included\n",
              static_cast<double>(heap_bytes() - before) / kMany,
              static_cast<double>(kSamples) / kMany);
}

int run(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    const auto value = static_cast<std::uint32_t>(std::atol(argv[i + 1]));
    SKIPTRAIN_CHECK(value > 0, "a flag's value is a number above 0");
    if (flag == "--handles") settings.handles = value;
    if (flag == "--steps") settings.steps = value;
    if (flag == "--repeats") settings.repeats = static_cast<int>(value);
    if (flag == "--workers") settings.workers.push_back(value);
  }
  if (settings.workers.empty()) settings.workers = {1, 2};
  keep_freed_memory(*std::max_element(settings.workers.begin(), settings.workers.end()));
  const TrainerOptions options{.local_steps = settings.steps, .batch_size = kBatch, .lr = 0.01};
  const auto dataset = std::make_shared<const data::Dataset>(noise(options.model, kSamples));
  measure_memory(settings, options, dataset);
  std::printf("\ngn-lenet 1x28x28, batch %u: %u handles, %u steps each; medians of %d\n", kBatch,
              settings.handles, settings.steps, settings.repeats);
  std::printf("%7s  %-8s %10s %10s %12s %12s\n", "workers", "", "wall ms", "CPU ms", "wall : bare",
              "CPU : bare");
  for (const std::uint32_t workers : settings.workers) {
    measure(settings, options, dataset, workers);
  }
  std::printf("%.1f MB resident\n", resident_mb());
  return 0;
}

}  // namespace
}  // namespace skiptrain::learn

int main(int argc, char** argv) {
  return skiptrain::learn::run(argc, argv);
}
