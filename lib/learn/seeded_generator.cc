#include "learn/seeded_generator.h"

#include <mutex>

#include <torch/torch.h>

namespace skiptrain::learn {
namespace {

std::mutex& one_at_a_time() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

struct SeededGenerator::State {
  explicit State(Place place) : generator(at::globalContext().defaultGenerator(device_of(place))) {}

  std::unique_lock<std::mutex> lock{one_at_a_time()};
  at::Generator generator;
  at::Tensor before;
};

SeededGenerator::SeededGenerator(std::uint64_t seed, Place place)
    : state_(std::make_unique<State>(place)) {
  const std::lock_guard inner(state_->generator.mutex());
  state_->before = state_->generator.get_state();
  state_->generator.set_current_seed(seed);
}

SeededGenerator::~SeededGenerator() {
  const std::lock_guard inner(state_->generator.mutex());
  state_->generator.set_state(state_->before);
}

}  // namespace skiptrain::learn
