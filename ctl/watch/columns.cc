#include "ctl/watch/columns.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ctl/json.h"
#include "ctl/words.h"
#include "proto/enum_words.h"

namespace skiptrain::ctl {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// What the curves are of: the accuracy, or of a task that has none the loss.
bool has_accuracy(const WatchState& state) {
  const bool any_loss = std::any_of(state.curves.begin(), state.curves.end(),
                                    [](const Curves& c) { return !c.loss.empty(); });
  const bool any_accuracy = std::any_of(state.curves.begin(), state.curves.end(),
                                        [](const Curves& c) { return !c.accuracy.empty(); });
  return any_accuracy || !any_loss;
}

double accuracy_of(const v1::GetStatusResponse& s) {
  return s.last_evaluation().has_accuracy() ? s.last_evaluation().accuracy() : kNone;
}

double test_loss_of(const v1::GetStatusResponse& s) {
  return s.has_last_evaluation() ? s.last_evaluation().loss() : kNone;
}

double longest_wait(const v1::GetStatusResponse& s) {
  double longest = 0;
  for (const auto& waiting : s.waiting_for()) longest = std::max(longest, waiting.seconds());
  return longest;
}

std::string waits_text(const v1::GetStatusResponse& s) {
  if (!s.failure().empty()) return s.failure();
  std::string text;
  for (const auto& waiting : s.waiting_for()) {
    text += (text.empty() ? "" : ", ") + node_text(waiting.node_id(), waiting.node_name());
  }
  if (!text.empty()) text += " " + seconds_text(longest_wait(s));
  return text;
}

double sort_value(const v1::GetStatusResponse& s, WatchColumn column, bool by_accuracy) {
  switch (column) {
    case WatchColumn::kPhase:
      return static_cast<double>(s.phase());
    case WatchColumn::kRound:
      return static_cast<double>(s.round());
    case WatchColumn::kTrained:
      return static_cast<double>(s.train_rounds());
    case WatchColumn::kLoss:
      return s.last_loss();
    case WatchColumn::kAccuracy:
      return by_accuracy ? accuracy_of(s) : test_loss_of(s);
    case WatchColumn::kEnergy:
      return s.energy_spent_wh();
    case WatchColumn::kSent:
      return static_cast<double>(s.bytes_sent());
    case WatchColumn::kWaits:
      return longest_wait(s);
    case WatchColumn::kNode:
    case WatchColumn::kCurve:
      break;
  }
  return 0;
}

}  // namespace

Scale scale_of(const WatchState& state) {
  Scale scale{has_accuracy(state)};
  for (const Curves& curves : state.curves) {
    for (const auto& [round, value] : scale.of(curves)) {
      scale.low = std::min(scale.low, value);
      scale.high = std::max(scale.high, value);
    }
  }
  return scale;
}

Cell cell_of(const WatchState& state, std::size_t node, WatchColumn column, const Scale& scale) {
  const WatchedNode& watched = state.nodes[node];
  if (column == WatchColumn::kNode) return Cell(watched.name);
  if (!watched.status) {
    return column == WatchColumn::kPhase ? Cell("no answer", Style::kBad) : Cell("");
  }
  const v1::GetStatusResponse& s = *watched.status;
  switch (column) {
    case WatchColumn::kPhase:
      return {word(s.phase()), phase_style(s.phase())};
    case WatchColumn::kRound:
      return {std::to_string(s.round()) + "/" + std::to_string(s.total_rounds())};
    case WatchColumn::kTrained:
      return {std::to_string(s.train_rounds())};
    case WatchColumn::kLoss:
      return {fixed(s.last_loss(), 4)};
    case WatchColumn::kAccuracy:
      return {scale.accuracy ? percent(accuracy_of(s)) : fixed(test_loss_of(s), 4)};
    case WatchColumn::kEnergy:
      return {watt_hours(s.energy_spent_wh())};
    case WatchColumn::kSent:
      return {bytes_text(s.bytes_sent())};
    case WatchColumn::kWaits:
      return {waits_text(s), s.failure().empty() ? Style::kWarn : Style::kBad};
    case WatchColumn::kNode:
    case WatchColumn::kCurve:
      break;
  }
  return {""};
}

std::vector<std::size_t> sorted(const WatchState& state, const WatchView& view,
                                const Scale& scale) {
  std::vector<std::size_t> order(state.nodes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (view.sort == WatchColumn::kNode) {
    if (view.descending) std::reverse(order.begin(), order.end());
    return order;
  }
  std::vector<double> keys;
  for (const WatchedNode& node : state.nodes) {
    keys.push_back(node.status ? sort_value(*node.status, view.sort, scale.accuracy) : kNone);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (std::isnan(keys[a]) || std::isnan(keys[b]))
      return !std::isnan(keys[a]) && std::isnan(keys[b]);
    return view.descending ? keys[a] > keys[b] : keys[a] < keys[b];
  });
  return order;
}

}  // namespace skiptrain::ctl
