#include "core/directive_board.h"

#include <algorithm>
#include <cmath>

namespace skiptrain::core {

Status validate(const DirectiveOrder& order) {
  if (const auto* schedule = std::get_if<Schedule>(&order)) return schedule->validate();
  if (const auto* rate = std::get_if<LearningRate>(&order)) {
    if (!(rate->value > 0) || !std::isfinite(rate->value)) {
      return fail(ErrorCode::kInvalidArgument, "the learning rate must be a number above 0");
    }
  }
  return {};
}

DirectiveBoard::DirectiveBoard(const std::vector<Directive>& directives) {
  for (const Directive& directive : directives) add(directive);
}

bool DirectiveBoard::add(const Directive& directive) {
  largest_lamport_ = std::max(largest_lamport_, directive.stamp.lamport);
  Subject& subject = subjects_[directive.order.index()];
  const bool outdone = std::ranges::any_of(subject, [&](const Directive& other) {
    return other.stamp >= directive.stamp && other.effective <= directive.effective;
  });
  if (outdone) return false;
  std::erase_if(subject, [&](const Directive& other) {
    return other.stamp < directive.stamp && other.effective >= directive.effective;
  });
  subject.insert(std::ranges::upper_bound(subject, directive.effective, {}, &Directive::effective),
                 directive);
  if (subject.size() <= kMaxPerSubject) return true;
  const bool forgotten = subject.front() == directive;
  subject.erase(subject.begin());
  return !forgotten;
}

Directive DirectiveBoard::draft(NodeId origin, Round effective, DirectiveOrder order) const {
  return {{largest_lamport_ + 1, origin}, effective, order};
}

bool DirectiveBoard::is_full(const DirectiveOrder& order, Round round) const {
  const Subject& subject = subjects_[order.index()];
  const auto pending = std::ranges::count_if(
      subject, [round](const Directive& directive) { return directive.effective > round; });
  // One place is kept for the directive in force until then.
  return static_cast<std::size_t>(pending) + 1 >= kMaxPerSubject;
}

const Directive* DirectiveBoard::in_force(const DirectiveOrder& order, Round round) const {
  const Subject& subject = subjects_[order.index()];
  const auto after = std::ranges::upper_bound(subject, round, {}, &Directive::effective);
  return after == subject.begin() ? nullptr : &*std::prev(after);
}

const Directive* DirectiveBoard::next_after(const DirectiveOrder& order, Round round) const {
  const Subject& subject = subjects_[order.index()];
  const auto after = std::ranges::upper_bound(subject, round, {}, &Directive::effective);
  return after == subject.end() ? nullptr : &*after;
}

std::optional<Schedule> DirectiveBoard::schedule_at(Round round) const {
  const Directive* directive = in_force(Schedule{}, round);
  return directive ? std::optional(std::get<Schedule>(directive->order)) : std::nullopt;
}

std::optional<double> DirectiveBoard::learning_rate_at(Round round) const {
  const Directive* directive = in_force(LearningRate{}, round);
  return directive ? std::optional(std::get<LearningRate>(directive->order).value) : std::nullopt;
}

RunOrder DirectiveBoard::run_order_at(Round round) const {
  const Directive* directive = in_force(RunOrder{}, round);
  return directive ? std::get<RunOrder>(directive->order) : RunOrder::kRun;
}

std::vector<Directive> DirectiveBoard::all() const {
  std::vector<Directive> result;
  for (const Subject& subject : subjects_) {
    result.insert(result.end(), subject.begin(), subject.end());
  }
  return result;
}

bool DirectiveBoard::empty() const {
  return std::ranges::all_of(subjects_, [](const Subject& subject) { return subject.empty(); });
}

}  // namespace skiptrain::core
