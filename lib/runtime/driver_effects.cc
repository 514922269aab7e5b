// What the driver does for each effect of the node: all of it on the loop thread, which hands what
// takes long to the compute thread or to the store's keeper.
#include <cmath>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "core/published_mix.h"
#include "model/mixing.h"
#include "runtime/driver.h"

namespace skiptrain::runtime {
namespace {

// A mix of up to this many values in all (a few milliseconds) runs on the loop thread: handing it
// over and back costs more than a small mix itself, and an evaluation would hold it up.
constexpr std::size_t kMixOnLoopValues = std::size_t{1} << 24;

}  // namespace

void Driver::perform(const core::RecordEnergyIntent& effect) {
  intended_ = effect.cost;
}

void Driver::perform(const core::Train& effect) {
  if (!keeper_) return train(effect);
  keeper_->record_intent(effect.round, intended_, [this, effect](const Status& recorded) {
    if (recorded) return train(effect);
    post(core::TrainingFailed{effect.round, recorded.error().message, /*charged=*/false});
  });
}

// On the loop or the keeper's thread; neither changes what it reads.
void Driver::train(const core::Train& effect) {
  compute([this, effect, meter = meter_] {
    const auto before = meter ? meter->read_total() : Result<WattHours>{};
    auto outcome =
        trainer_->train({effect.round, effect.start, cancel_.get_token(), effect.learning_rate});
    if (cancel_.stop_requested()) return;
    if (!outcome) {
      post(core::TrainingFailed{effect.round, outcome.error().message});
      return;
    }
    core::TrainingFinished finished{effect.round, outcome->parameters, outcome->mean_loss,
                                    outcome->duration, std::nullopt};
    if (meter) {
      const auto after = meter->read_total();
      if (before && after) {
        finished.measured = *after - *before;
      } else {
        spdlog::warn("the energy meter failed ({}); charging the model's estimate for round {}",
                     before ? after.error().message : before.error().message, effect.round.value());
      }
    }
    post(std::move(finished));
  });
}

void Driver::perform(const core::Send& effect) {
  outbox_.send(SendPublished{effect.to, publisher_->publish(effect.update)});
}

void Driver::perform(const core::SendEdge& effect) {
  transport_->send_edge(effect.message);
}

void Driver::perform(const core::RecordDirectives& effect) {
  bool own = false;
  for (const core::Directive& directive : effect.news) {
    spdlog::info("directive: {}", core::to_string(directive));
    own |= directive.stamp.origin == node_.options().id;
  }
  save_directives(effect.all, own);
}

void Driver::save_directives(const std::vector<core::Directive>& all, bool hold) {
  if (!keeper_ || all.empty()) return;
  if (hold) outbox_.hold();
  keeper_->save_directives(all, [this, hold] {
    if (hold) asio::post(loop_, [this] { outbox_.release(); });
  });
}

void Driver::perform(const core::SendDirectives& effect) {
  outbox_.send(effect);
}

void Driver::perform(const core::LinkTo& effect) {
  if (cluster_) link_to(effect.peers);
}

void Driver::perform(const core::Mix& effect) {
  core::Mix mix = effect;
  core::mix_as_published(mix, *publisher_);
  const std::size_t values = mix_buffers_->parameter_count() * mix.inputs.size();
  const auto run = [this, mix = std::move(mix)] {
    const auto started = now();
    const MutableParametersPtr mixed = mix_buffers_->acquire();
    std::vector<WeightedInput> inputs;
    std::size_t own = 0;
    for (const core::MixInput& input : mix.inputs) {
      if (input.from == mix.self) own = inputs.size();
      inputs.push_back({input.weight, input.parameters->values()});
    }
    const double distance = mix_with_distance(inputs, own, mixed->values());
    post(core::MixFinished{mix.round, mixed, distance, now() - started});
  };
  if (values <= kMixOnLoopValues) {
    run();
  } else {
    compute(run);
  }
}

void Driver::perform(const core::FetchState& effect) {
  spdlog::info("behind: fetching the state of node {}", effect.from.value());
  transport_->fetch_state(effect.from, effect.at_least);
}

void Driver::perform(const core::SendState& effect) {
  transport_->send_state(effect);
}

void Driver::perform(const core::RefuseState& effect) {
  transport_->refuse_state(effect.request, "there is no committed state yet");
}

void Driver::perform(const core::Announce& effect) {
  transport_->announce(effect.state, effect.to_neighbours);
}

void Driver::perform(const core::Commit& effect) {
  const core::RoundRecord& record = effect.record;
  {
    const std::lock_guard lock(mutex_);
    last_distance_ = record.consensus_distance;
    if (record.trained) last_loss_ = record.loss;
  }
  if (record.caught_up) {
    spdlog::info("caught up: at round {} now", effect.state.round.value());
  } else if (record.deadline_hit) {
    spdlog::warn("round {} closed at its deadline after {:.1f} s without {} of the neighbours",
                 record.round.value(), to_seconds(record.wait_time), record.missing.size());
  }
  spdlog::debug("round {}: {}, mixed {}, waited {:.1f} ms, took {:.1f} ms", record.round.value(),
                record.trained ? "trained" : "synced", record.neighbours_mixed,
                to_milliseconds(record.wait_time), to_milliseconds(record.round_time));
  history_.append(record);
  if (keeper_) keeper_->commit(record, effect.state);
}

namespace {

std::string words_of(const ports::Evaluation& evaluation) {
  const std::string loss = fmt::format("loss {:.4f}", evaluation.loss);
  if (evaluation.accuracy) return fmt::format("accuracy {:.4f}, {}", *evaluation.accuracy, loss);
  if (!evaluation.mean_absolute_error) return loss;
  return fmt::format("{}, mean absolute error {:.4f}", loss, *evaluation.mean_absolute_error);
}

}  // namespace

// One may wait for the compute thread: rounds may be faster than it for long, and each holds a
// model. A newer one takes its place; the last of a run is the newest there will be.
void Driver::perform(const core::Evaluate& evaluation) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(next_evaluation_, evaluation)) return;
  }
  const std::uint64_t some = evaluate_samples_;
  compute([this, some] {
    core::Evaluate effect;
    {
      const std::lock_guard lock(mutex_);
      effect = *std::exchange(next_evaluation_, std::nullopt);
    }
    const std::uint64_t samples = effect.final ? 0 : some;
    const auto evaluated = evaluate_now(ModelUpdate{effect.after, 0, effect.parameters}, samples);
    if (cancel_.stop_requested()) return;
    if (!evaluated) {
      spdlog::warn("evaluation after {} rounds failed: {}", effect.after.value(),
                   evaluated.error().message);
      return;
    }
    if (effect.after > Round(0)) {
      const Round round(effect.after.value() - 1);
      const ports::Evaluation kept = evaluated->evaluation.summary();
      history_.attach(round, kept);
      if (const auto keeper = this->keeper()) keeper->save_evaluation(round, kept);
    }
    spdlog::info("after {} rounds: {} on {} samples", effect.after.value(),
                 words_of(evaluated->evaluation), evaluated->evaluation.samples);
  });
}

void Driver::perform(const core::RunEnded& effect) {
  spdlog::info("the run has {} at round {}", effect.stopped ? "been stopped" : "finished",
               node_.round().value());
}

void Driver::perform(const core::Warn& effect) {
  spdlog::warn("{}", effect.message);
}

}  // namespace skiptrain::runtime
