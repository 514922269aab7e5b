#include "learn/trainer_group.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "base/check.h"
#include "learn/guarded.h"
#include "learn/threads.h"
#include "learn/torchscript.h"
#include "learn/workspace.h"

namespace skiptrain::learn {
namespace {

// Workspaces that wait for a guest. The one given back last goes out first: its memory is the
// likeliest to be in a cache.
class IdleWorkspaces {
 public:
  void give(std::unique_ptr<Workspace> workspace) {
    {
      const std::lock_guard lock(mutex_);
      idle_.push_back(std::move(workspace));
    }
    changed_.notify_one();
  }

  // Waits for one. Null if `cancel` comes first.
  std::unique_ptr<Workspace> take(const std::stop_token& cancel) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, cancel, [this] { return !idle_.empty(); })) return nullptr;
    std::unique_ptr<Workspace> workspace = std::move(idle_.back());
    idle_.pop_back();
    return workspace;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::unique_ptr<Workspace>> idle_;
};

// A workspace for the length of one call.
class Loan {
 public:
  Loan(IdleWorkspaces& lender, const std::stop_token& cancel)
      : lender_(lender), workspace_(lender.take(cancel)) {}
  ~Loan() {
    if (workspace_) lender_.give(std::move(workspace_));
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

  explicit operator bool() const { return workspace_ != nullptr; }
  Workspace* operator->() const { return workspace_.get(); }

 private:
  IdleWorkspaces& lender_;
  std::unique_ptr<Workspace> workspace_;
};

}  // namespace

namespace {

// x(0) with what is frozen; null if nothing is, as it would be x(0) once more.
ParametersPtr whole_of(const FlatModule& flat) {
  if (!flat.has_frozen()) return nullptr;
  auto values = std::make_shared<Parameters>(flat.whole_layout().parameter_count());
  flat.read_whole(values->values());
  return values;
}

}  // namespace

struct TrainerGroup::Shared {
  Shared(std::unique_ptr<const TrainingSetup> given, std::unique_ptr<Workspace> first,
         const GroupSizes& sizes)
      : setup(std::move(given)),
        layout(first->layout()),
        initial(first->copy()),
        whole{first->whole().whole_layout(), whole_of(first->whole())},
        pool(layout.parameter_count(), sizes.idle_buffers) {
    idle.give(std::move(first));
    for (std::uint32_t i = 1; i < sizes.workers; ++i) {
      auto next = std::make_unique<Workspace>(*setup);
      if (whole.values) next->begin_with(whole, "x(0)");
      idle.give(std::move(next));
    }
  }

  NamedParameters whole_model(ParametersPtr parameters) const {
    if (!whole.values) return {layout, std::move(parameters)};
    auto selected =
        select_parameters({layout, std::move(parameters)}, whole.layout, "model", &whole);
    SKIPTRAIN_CHECK(selected.has_value(), "what is exchanged is part of the whole");
    return {whole.layout, *std::move(selected)};
  }

  const std::unique_ptr<const TrainingSetup> setup;  // at one place: the workspaces refer to it
  const ParameterLayout layout;
  const ParametersPtr initial;
  const NamedParameters whole;
  ParametersPool pool;
  IdleWorkspaces idle;
};

class TrainerGroup::Handle final : public ports::Trainer {
 public:
  Handle(std::shared_ptr<Shared> shared, NodeState state)
      : shared_(std::move(shared)), state_(std::move(state)) {}

  const ParameterLayout& layout() const override { return shared_->layout; }
  ParametersPtr initial_parameters() const override { return shared_->initial; }

  Result<ports::TrainOutcome> train(const ports::TrainRequest& request) override {
    return guarded("train", [&]() -> Result<ports::TrainOutcome> {
      const Loan workspace(shared_->idle, request.cancel);
      if (!workspace) return cancelled();
      return workspace->train(request, state_, shared_->pool);
    });
  }

  Result<ports::Evaluation> evaluate(const Parameters& parameters, std::uint64_t max_samples,
                                     std::stop_token cancel) override {
    return guarded("evaluate", [&]() -> Result<ports::Evaluation> {
      const Loan workspace(shared_->idle, cancel);
      if (!workspace) return cancelled();
      return workspace->evaluate(parameters, max_samples, cancel);
    });
  }

  NamedParameters whole_model(ParametersPtr parameters) const override {
    return shared_->whole_model(std::move(parameters));
  }

  Result<std::string> torchscript(ParametersPtr parameters) const override {
    use_threads(shared_->setup->options.threads);
    return encode_torchscript(shared_->setup->options.model, whole_model(std::move(parameters)));
  }

 private:
  const std::shared_ptr<Shared> shared_;
  NodeState state_;
};

Result<TrainerGroup> TrainerGroup::create(TrainerOptions options,
                                          std::shared_ptr<const data::Dataset> train,
                                          std::shared_ptr<const data::Dataset> test,
                                          GroupSizes sizes) {
  SKIPTRAIN_CHECK(train && test, "a group is given both data sets");
  if (auto valid = validate(options); !valid) return tl::unexpected<Error>(valid.error());
  const auto place = guarded("train.device", [&] { return find_place(options.device); });
  if (!place) return tl::unexpected<Error>(place.error());
  const auto had =
      guarded("train.precision", [&] { return check_precision(options.precision, *place); });
  if (!had) return tl::unexpected<Error>(had.error());
  if (auto valid = validate(options, *train, "training"); !valid) {
    return tl::unexpected<Error>(valid.error());
  }
  if (auto valid = validate(options, *test, "test"); !valid) {
    return tl::unexpected<Error>(valid.error());
  }
  if (sizes.workers < 1 || sizes.workers > kMaxWorkers) {
    return fail(ErrorCode::kInvalidArgument, std::to_string(sizes.workers) +
                                                 " workers: must be from 1 to " +
                                                 std::to_string(kMaxWorkers));
  }
  return guarded("trainer", [&]() -> Result<TrainerGroup> {
    // Let go of as soon as it is copied: it may be as large as the model.
    const auto initial = std::exchange(options.initial, nullptr);
    auto setup = std::make_unique<const TrainingSetup>(
        TrainingSetup{std::move(options), std::move(train), std::move(test), *place});
    auto first = std::make_unique<Workspace>(*setup);
    if (initial) first->begin_with(*initial, setup->options.initial_source);
    if (setup->options.model.file) first->rehearse();
    return TrainerGroup(std::make_shared<Shared>(std::move(setup), std::move(first), sizes));
  });
}

TrainerGroup::TrainerGroup(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

Result<std::unique_ptr<ports::Trainer>> TrainerGroup::trainer(
    NodeId node, std::vector<std::uint32_t> samples) const {
  const std::size_t count = shared_->setup->train->size();
  const auto beyond = std::find_if(samples.begin(), samples.end(),
                                   [count](std::uint32_t sample) { return sample >= count; });
  if (beyond != samples.end()) {
    return fail(ErrorCode::kInvalidArgument,
                "node " + to_string(node) + ": sample " + std::to_string(*beyond) +
                    " is not in the training set, which has " + std::to_string(count));
  }
  samples.shrink_to_fit();
  return std::make_unique<Handle>(shared_, NodeState{node, std::move(samples), {}});
}

const ParameterLayout& TrainerGroup::layout() const {
  return shared_->layout;
}
Place TrainerGroup::place() const {
  return shared_->setup->place;
}
ParametersPtr TrainerGroup::initial_parameters() const {
  return shared_->initial;
}
ParametersPool& TrainerGroup::pool() const {
  return shared_->pool;
}

}  // namespace skiptrain::learn
