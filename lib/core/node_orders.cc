// The part of Node that takes orders: of its operator, and of the run's directives.
#include <string>
#include <utility>

#include "core/node.h"

namespace skiptrain::core {

// ---- To this node ----------------------------------------------------------------------------

void Node::on(const PauseRequested&) {
  if (phase_ == Phase::kFinished || phase_ == Phase::kStopped) return;
  pause_requested_ = true;
}

void Node::on(const ResumeRequested&) {
  pause_requested_ = false;
}

void Node::on(const StopRequested&) {
  if (phase_ == Phase::kFinished || phase_ == Phase::kStopped) return;
  stop_requested_ = true;
}

void Node::on(const BudgetRequested& event) {
  energy_.set_budget(event.budget);
}

void Node::on(const LeaveRequested&) {
  if (phase_ != Phase::kWarmingUp) announce(Activity::kLeaving, true);
}

RunOrder Node::run_order() const {
  const RunOrder directed = directives_.run_order_at(round());
  if (stop_requested_ || directed == RunOrder::kStop) return RunOrder::kStop;
  return pause_requested_ ? RunOrder::kPause : directed;
}

void Node::leave_pause() {
  if (run_order() == RunOrder::kStop) return end_run(true);
  announce(Activity::kRunning, true);
  phase_ = Phase::kWaitingForPeers;
  start_deadline_ = now_ + options_.start_timeout;
}

// ---- To the whole run ------------------------------------------------------------------------

void Node::on(const DirectiveIssued& event) {
  if (!check_directive(event)) return;
  learn({directives_.draft(options_.id, event.effective, event.order)}, std::nullopt);
}

void Node::on(const DirectivesReceived& event) {
  learn(event.directives, event.from);
}

void Node::learn(const std::vector<Directive>& directives, std::optional<NodeId> from) {
  std::vector<Directive> news;
  for (const Directive& directive : directives) {
    if (directives_.add(directive)) news.push_back(directive);
  }
  if (news.empty()) return;
  effects_.push_back(RecordDirectives{directives_.all(), news});
  std::vector<NodeId> to = neighbours_.connected();
  if (from) std::erase(to, *from);
  if (!to.empty()) effects_.push_back(SendDirectives{std::move(to), std::move(news)});
}

void Node::apply_directives() {
  policy_.set_schedule(directives_.schedule_at(round()).value_or(options_.schedule));
}

Round Node::earliest_directive_round() const {
  const bool round_not_begun =
      phase_ == Phase::kWarmingUp || phase_ == Phase::kWaitingForPeers || phase_ == Phase::kPaused;
  return round_not_begun ? round() : round().next();
}

Round Node::safe_directive_round(std::uint64_t diameter) const {
  return Round(round().value() + diameter * options_.rules.allowed_lead() + 1);
}

Round Node::resume_round() const {
  const Directive* order = directives_.in_force(RunOrder{}, round());
  return order != nullptr ? order->effective : round();
}

Status Node::check_directive(const DirectiveIssued& request) const {
  if (auto valid = validate(request.order); !valid) return valid;
  if (phase_ == Phase::kFinished || phase_ == Phase::kStopped || phase_ == Phase::kFailed) {
    return fail(
        ErrorCode::kPreconditionFailed,
        "the run has ended here, at round " + to_string(round()) + "; nothing can change any more");
  }
  const auto* order = std::get_if<RunOrder>(&request.order);
  const bool resumes = order != nullptr && *order == RunOrder::kRun;
  if (!resumes && request.effective < earliest_directive_round()) {
    return fail(ErrorCode::kPreconditionFailed,
                "round " + to_string(request.effective) + " has begun or is over here; the first " +
                    "round that can change is " + to_string(earliest_directive_round()));
  }
  if (request.effective.value() >= options_.total_rounds) {
    return fail(ErrorCode::kPreconditionFailed,
                "round " + to_string(request.effective) + " is past the run's last round; it has " +
                    std::to_string(options_.total_rounds) + " rounds, from 0");
  }
  if (directives_.is_full(request.order, round())) {
    return fail(ErrorCode::kResourceExhausted,
                std::to_string(DirectiveBoard::kMaxPerSubject - 1) +
                    " directives about this are waiting for their rounds already");
  }
  return {};
}

}  // namespace skiptrain::core
