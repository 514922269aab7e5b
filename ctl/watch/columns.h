// The columns of the live view: what a cell says of a node, and by what nodes are sorted. Part of
// ctl/watch/picture.h, which puts them on the screen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "ctl/watch/picture.h"

namespace skiptrain::ctl {

struct ColumnKind {
  WatchColumn column;
  const char* title;
  bool right;
  int rank;  // the higher, the sooner it goes where there is no room
};
// In the order of the screen.
inline constexpr std::array<ColumnKind, 10> kColumns = {{
    {WatchColumn::kNode, "node", false, 0},
    {WatchColumn::kPhase, "phase", false, 1},
    {WatchColumn::kRound, "round", true, 2},
    {WatchColumn::kTrained, "trained", true, 7},
    {WatchColumn::kLoss, "loss", true, 8},
    {WatchColumn::kAccuracy, "accuracy", true, 3},
    {WatchColumn::kCurve, "", false, 4},
    {WatchColumn::kEnergy, "energy", true, 6},
    {WatchColumn::kSent, "sent", true, 9},
    {WatchColumn::kWaits, "waits for", false, 5},
}};

// All curves have one scale, so that nodes can be compared.
struct Scale {
  bool accuracy = true;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  const std::map<std::uint64_t, double>& of(const Curves& curves) const {
    return accuracy ? curves.accuracy : curves.loss;
  }
  std::string text(double value) const { return accuracy ? percent(value) : fixed(value, 4); }
};

Scale scale_of(const WatchState& state);

// What stands in a column of a node; empty for the curve, which is no text.
Cell cell_of(const WatchState& state, std::size_t node, WatchColumn column, const Scale& scale);

// Indices of the nodes. Those with nothing to compare by come last in either direction; equals
// stay in the fleet's order.
std::vector<std::size_t> sorted(const WatchState& state, const WatchView& view, const Scale& scale);

}  // namespace skiptrain::ctl
