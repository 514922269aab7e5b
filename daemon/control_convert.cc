#include "daemon/control_convert.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace skiptrain::daemon {

v1::Phase to_message(core::Phase phase) {
  switch (phase) {
    case core::Phase::kWarmingUp:
      return v1::PHASE_WARMING_UP;
    case core::Phase::kWaitingForPeers:
      return v1::PHASE_WAITING_FOR_PEERS;
    case core::Phase::kTraining:
      return v1::PHASE_TRAINING;
    case core::Phase::kExchanging:
      return v1::PHASE_EXCHANGING;
    case core::Phase::kMixing:
      return v1::PHASE_MIXING;
    case core::Phase::kCatchingUp:
      return v1::PHASE_CATCHING_UP;
    case core::Phase::kPaused:
      return v1::PHASE_PAUSED;
    case core::Phase::kFinished:
      return v1::PHASE_FINISHED;
    case core::Phase::kStopped:
      return v1::PHASE_STOPPED;
    case core::Phase::kFailed:
      return v1::PHASE_FAILED;
  }
  return v1::PHASE_UNSPECIFIED;
}

v1::Activity to_message(core::Activity activity) {
  switch (activity) {
    case core::Activity::kRunning:
      return v1::ACTIVITY_RUNNING;
    case core::Activity::kPaused:
      return v1::ACTIVITY_PAUSED;
    case core::Activity::kFinished:
      return v1::ACTIVITY_FINISHED;
    case core::Activity::kLeaving:
      return v1::ACTIVITY_LEAVING;
  }
  return v1::ACTIVITY_UNSPECIFIED;
}

v1::LinkState to_message(ports::LinkState state) {
  switch (state) {
    case ports::LinkState::kNeverConnected:
      return v1::LINK_STATE_NEVER_CONNECTED;
    case ports::LinkState::kConnected:
      return v1::LINK_STATE_CONNECTED;
    case ports::LinkState::kLost:
      return v1::LINK_STATE_LOST;
    case ports::LinkState::kLeft:
      return v1::LINK_STATE_LEFT;
    case ports::LinkState::kRefused:
      return v1::LINK_STATE_REFUSED;
  }
  return v1::LINK_STATE_UNSPECIFIED;
}

namespace {

v1::Policy to_message(core::Policy policy) {
  switch (policy) {
    case core::Policy::kDpsgd:
      return v1::POLICY_DPSGD;
    case core::Policy::kSkipTrain:
      return v1::POLICY_SKIPTRAIN;
    case core::Policy::kSkipTrainConstrained:
      return v1::POLICY_SKIPTRAIN_CONSTRAINED;
    case core::Policy::kGreedy:
      return v1::POLICY_GREEDY;
    case core::Policy::kSkipTrainAdaptive:
      return v1::POLICY_SKIPTRAIN_ADAPTIVE;
  }
  return v1::POLICY_UNSPECIFIED;
}

Result<core::Policy> from_message(v1::Policy policy) {
  switch (policy) {
    case v1::POLICY_DPSGD:
      return core::Policy::kDpsgd;
    case v1::POLICY_SKIPTRAIN:
      return core::Policy::kSkipTrain;
    case v1::POLICY_SKIPTRAIN_CONSTRAINED:
      return core::Policy::kSkipTrainConstrained;
    case v1::POLICY_GREEDY:
      return core::Policy::kGreedy;
    case v1::POLICY_SKIPTRAIN_ADAPTIVE:
      return core::Policy::kSkipTrainAdaptive;
    default:
      return fail(ErrorCode::kInvalidArgument,
                  "policy number " + std::to_string(policy) + " is not known to this version");
  }
}

}  // namespace

v1::Schedule to_message(const core::Schedule& schedule, Round effective) {
  v1::Schedule message;
  message.set_policy(to_message(schedule.policy));
  message.set_gamma_train(schedule.gamma_train);
  message.set_gamma_sync(schedule.gamma_sync);
  message.set_effective_round(effective.value());
  return message;
}

Result<core::Schedule> from_message(const v1::Schedule& message) {
  const auto policy = from_message(message.policy());
  if (!policy) return tl::unexpected(policy.error());
  const core::Schedule schedule{*policy, message.gamma_train(), message.gamma_sync()};
  if (Status valid = schedule.validate(); !valid) return tl::unexpected(valid.error());
  return schedule;
}

v1::RoundRecord to_message(const runtime::RoundEntry& entry) {
  const core::RoundRecord& record = entry.record;
  v1::RoundRecord message;
  message.set_round(record.round.value());
  message.set_train_slot(record.train_slot);
  message.set_trained(record.trained);
  message.set_loss(record.loss);
  message.set_energy_wh(record.energy.value());
  message.set_train_seconds(to_seconds(record.train_time));
  message.set_wait_seconds(to_seconds(record.wait_time));
  message.set_mix_seconds(to_seconds(record.mix_time));
  message.set_round_seconds(to_seconds(record.round_time));
  message.set_neighbours_mixed(record.neighbours_mixed);
  for (const NodeId node : record.missing) message.add_missing(node.value());
  message.set_deadline_hit(record.deadline_hit);
  message.set_consensus_distance(record.consensus_distance);
  message.set_caught_up(record.caught_up);
  if (entry.evaluation) {
    if (entry.evaluation->accuracy) message.set_accuracy(*entry.evaluation->accuracy);
    message.set_test_loss(entry.evaluation->loss);
  }
  return message;
}

v1::RoundTotals to_message(const runtime::RoundTotals& totals) {
  v1::RoundTotals message;
  message.set_train(totals.train);
  message.set_train_failed(totals.train_failed);
  message.set_sync(totals.sync);
  message.set_caught_up(totals.caught_up);
  return message;
}

v1::EvaluateResponse to_message(const runtime::EvaluatedRound& evaluated) {
  v1::EvaluateResponse message;
  const ports::Evaluation& evaluation = evaluated.evaluation;
  message.set_round(evaluated.round.value());
  message.set_loss(evaluation.loss);
  if (evaluation.accuracy) message.set_accuracy(*evaluation.accuracy);
  message.set_samples(evaluation.samples);
  message.set_seconds(to_seconds(evaluation.duration));
  if (evaluation.top_k) {
    message.mutable_top_k()->set_k(evaluation.top_k->k);
    message.mutable_top_k()->set_accuracy(evaluation.top_k->accuracy);
  }
  for (const ports::ClassTally& tally : evaluation.per_class) {
    auto& entry = *message.add_per_class();
    entry.set_right(tally.right);
    entry.set_samples(tally.samples);
  }
  if (evaluation.mean_absolute_error) {
    message.set_mean_absolute_error(*evaluation.mean_absolute_error);
  }
  return message;
}

v1::UpdateCounters to_message(const core::UpdateCounters& counters, std::uint64_t rejected,
                              std::uint64_t missed) {
  v1::UpdateCounters message;
  message.set_accepted(counters.accepted);
  message.set_early(counters.early);
  message.set_late(counters.late);
  message.set_duplicate(counters.duplicate);
  message.set_ahead(counters.ahead);
  message.set_rejected(rejected);
  message.set_missed(missed);
  return message;
}

v1::GetEnergyResponse energy_message(const core::Node& node) {
  const core::EnergyBudget& energy = node.energy();
  v1::GetEnergyResponse message;
  message.set_wh_per_train_round(energy.cost_per_round().value());
  message.set_train_rounds(node.train_rounds());
  message.set_spent_wh(energy.spent().value());
  if (energy.budget()) {
    message.set_budget_wh(energy.budget()->value());
    message.set_train_rounds_left(*energy.affordable_rounds_left());
  }
  message.set_dpsgd_equivalent_wh(energy.cost_per_round().value() *
                                  static_cast<double>(node.round().value()));
  return message;
}

namespace {

constexpr std::pair<core::RunOrder, v1::RunOrder> kRunOrders[] = {
    {core::RunOrder::kRun, v1::RUN_ORDER_RUN},
    {core::RunOrder::kPause, v1::RUN_ORDER_PAUSE},
    {core::RunOrder::kStop, v1::RUN_ORDER_STOP},
};

struct FillOrder {
  v1::Directive& message;

  void operator()(const core::Schedule& schedule) const {
    *message.mutable_schedule() = daemon::to_message(schedule, Round(message.effective_round()));
  }
  void operator()(const core::LearningRate& rate) const { message.set_learning_rate(rate.value); }
  void operator()(core::RunOrder order) const {
    message.set_run(
        std::ranges::find(kRunOrders, order, &std::pair<core::RunOrder, v1::RunOrder>::first)
            ->second);
  }
};

}  // namespace

v1::Directive to_message(const core::Directive& directive) {
  v1::Directive message;
  message.set_lamport(directive.stamp.lamport);
  message.set_origin(directive.stamp.origin.value());
  message.set_effective_round(directive.effective.value());
  std::visit(FillOrder{message}, directive.order);
  return message;
}

Result<core::DirectiveOrder> order_of(const v1::IssueDirectiveRequest& request) {
  core::DirectiveOrder order;
  switch (request.order_case()) {
    case v1::IssueDirectiveRequest::kSchedule: {
      auto schedule = from_message(request.schedule());
      if (!schedule) return tl::unexpected(schedule.error());
      order = *schedule;
      break;
    }
    case v1::IssueDirectiveRequest::kLearningRate:
      order = core::LearningRate{request.learning_rate()};
      break;
    case v1::IssueDirectiveRequest::kRun: {
      const auto known = std::ranges::find(kRunOrders, request.run(),
                                           &std::pair<core::RunOrder, v1::RunOrder>::second);
      if (known == std::end(kRunOrders)) {
        return fail(ErrorCode::kInvalidArgument, "run must be one of RUN, PAUSE and STOP");
      }
      order = known->first;
      break;
    }
    case v1::IssueDirectiveRequest::ORDER_NOT_SET:
      return fail(ErrorCode::kInvalidArgument,
                  "one of schedule, learning_rate and run must be given");
  }
  if (auto valid = core::validate(order); !valid) return tl::unexpected(valid.error());
  return order;
}

void fill_from_store(const runtime::StoreReport& report, v1::GetStatusResponse& response) {
  if (report.round) response.set_checkpoint_round(report.round->value());
  if (report.written) {
    response.set_checkpoint_age_seconds(to_seconds(runtime::Driver::now() - *report.written));
  }
  response.set_store_error(report.last_error);
}

}  // namespace skiptrain::daemon
