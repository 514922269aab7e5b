#include "ctl/words.h"

#include "core/schedule.h"
#include "ctl/json.h"
#include "proto/enum_words.h"

namespace skiptrain::ctl {
namespace {

// Accumulated rounding must not pass for an overrun.
constexpr double kBudgetTolerance = 1e-9;

std::string list_text(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? " and " : ", ";
    text += items[i];
  }
  return text;
}

std::string waiting_text(const v1::GetStatusResponse& status) {
  std::vector<std::string> names;
  for (const auto& waiting : status.waiting_for()) {
    names.push_back(node_text(waiting.node_id(), waiting.node_name()) + " (" +
                    seconds_text(waiting.seconds()) + " so far)");
  }
  std::string text = "waits for " + list_text(names);
  if (status.has_gives_up_in_seconds()) {
    text += ", gives up in " + seconds_text(status.gives_up_in_seconds());
  }
  return text;
}

}  // namespace

std::string node_text(std::uint64_t id, const std::string& name) {
  return name.empty() ? "node " + std::to_string(id) : name;
}

std::string schedule_text(const v1::Schedule& schedule) {
  const auto policy = policy_of(schedule.policy());
  // A newer daemon may know policies that this skipctl does not.
  if (!policy) return name_of(schedule.policy());
  return schedule_text({*policy, schedule.gamma_train(), schedule.gamma_sync()});
}

Result<core::Policy> policy_of(v1::Policy policy) {
  return core::parse_policy(name_of(policy));
}

v1::Policy policy_message(core::Policy policy) {
  const auto& all = *v1::Policy_descriptor();
  for (int i = 0; i < all.value_count(); ++i) {
    const auto value = static_cast<v1::Policy>(all.value(i)->number());
    if (name_of(value) == core::to_string(policy)) return value;
  }
  return v1::POLICY_UNSPECIFIED;
}

std::string phase_text(const v1::GetStatusResponse& status) {
  std::string text = word(status.phase());
  if (status.phase() == v1::PHASE_FAILED && !status.failure().empty()) {
    return text + ": " + status.failure();
  }
  if (!status.waiting_for().empty()) {
    text += ": " + waiting_text(status);
  } else if (status.phase() == v1::PHASE_EXCHANGING && status.has_gives_up_in_seconds()) {
    // The core holds a round without neighbours back, lest it run away from those that return.
    text +=
        ": no neighbour takes part; goes on alone in " + seconds_text(status.gives_up_in_seconds());
  }
  if (status.stop_requested() && !is_over(status.phase())) {
    text += " (stops after this round)";
  } else if (status.pause_requested() && status.phase() != v1::PHASE_PAUSED) {
    text += " (pauses after this round)";
  }
  return text;
}

Style phase_style(v1::Phase phase) {
  switch (phase) {
    case v1::PHASE_FAILED:
      return Style::kBad;
    case v1::PHASE_WARMING_UP:
    case v1::PHASE_WAITING_FOR_PEERS:
    case v1::PHASE_CATCHING_UP:
    case v1::PHASE_PAUSED:
    case v1::PHASE_STOPPED:
      return Style::kWarn;
    default:
      return Style::kGood;
  }
}

std::string energy_text(const v1::GetStatusResponse& status) {
  std::string text = watt_hours(status.energy_spent_wh());
  if (!status.has_budget_wh()) return text + ", no budget set";
  text += " of " + watt_hours(status.budget_wh());
  if (status.budget_wh() > 0) {
    text += " (" + percent(status.energy_spent_wh() / status.budget_wh()) + ")";
  }
  return text;
}

bool is_broken(const v1::Neighbour& neighbour) {
  switch (neighbour.link()) {
    case v1::LINK_STATE_LOST:
      return neighbour.activity() != v1::ACTIVITY_FINISHED &&
             neighbour.activity() != v1::ACTIVITY_LEAVING;
    case v1::LINK_STATE_REFUSED:
    case v1::LINK_STATE_NEVER_CONNECTED:
      return true;
    default:
      return false;
  }
}

std::string broken_text(const v1::Neighbour& neighbour) {
  std::string text = node_text(neighbour.node_id(), neighbour.node_name());
  if (!neighbour.address().empty()) text += " at " + neighbour.address();
  switch (neighbour.link()) {
    case v1::LINK_STATE_REFUSED:
      text += " and this node refuse each other";
      break;
    case v1::LINK_STATE_NEVER_CONNECTED:
      text += " was never reached";
      break;
    default:
      text += " is lost";
      break;
  }
  if (neighbour.link() == v1::LINK_STATE_LOST && neighbour.last_heard_seconds() >= 0) {
    text += ", last heard of " + seconds_text(neighbour.last_heard_seconds()) + " ago in round " +
            std::to_string(neighbour.round());
  }
  if (!neighbour.last_error().empty()) text += ": " + neighbour.last_error();
  return text;
}

std::string straggler_text(const v1::Neighbour& neighbour) {
  return node_text(neighbour.node_id(), neighbour.node_name()) + " is a straggler: missed " +
         std::to_string(neighbour.updates_missed()) + " rounds, which are not held open for it now";
}

std::vector<std::string> complaints(const v1::GetStatusResponse& status,
                                    const v1::ListPeersResponse& peers) {
  std::vector<std::string> found;
  if (status.phase() == v1::PHASE_FAILED) {
    found.push_back("the run failed: " +
                    (status.failure().empty() ? std::string("no reason given") : status.failure()));
  }
  if (status.has_budget_wh() &&
      status.energy_spent_wh() > status.budget_wh() * (1 + kBudgetTolerance)) {
    found.push_back("the energy budget is overrun: " + watt_hours(status.energy_spent_wh()) +
                    " of " + watt_hours(status.budget_wh()));
  }
  if (!status.store_error().empty()) {
    found.push_back("the state cannot be written: " + status.store_error());
  }
  // Once its run is over a node needs no neighbours, and they may go.
  if (!is_over(status.phase())) {
    for (const auto& neighbour : peers.neighbours()) {
      if (is_broken(neighbour)) found.push_back(broken_text(neighbour));
    }
  }
  return found;
}

bool is_warming_up(v1::Phase phase) {
  return phase == v1::PHASE_UNSPECIFIED || phase == v1::PHASE_WARMING_UP ||
         phase == v1::PHASE_WAITING_FOR_PEERS;
}

bool is_over(v1::Phase phase) {
  return phase == v1::PHASE_FINISHED || phase == v1::PHASE_STOPPED || phase == v1::PHASE_FAILED;
}

}  // namespace skiptrain::ctl
