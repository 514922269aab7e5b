// The live view of a fleet as text: what `skipctl watch` draws on a whole screen.
//
// Pure: the state of the nodes and the size of the screen in, lines of styled text out, each of
// exactly the screen's width or less. Only how wide a character is, and whether any beyond ASCII
// may be used, comes from the locale (LC_CTYPE). What does not fit is left out, least important
// first; rows that do not fit are scrolled to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ctl/render.h"
#include "ctl/watch.h"

namespace skiptrain::ctl {

// Values by the number of rounds done, as the node evaluated its model.
struct Curves {
  std::map<std::uint64_t, double> accuracy;
  std::map<std::uint64_t, double> loss;
};

struct WatchState {
  std::vector<WatchedNode> nodes;
  std::vector<Curves> curves;  // of each node
};

enum class WatchColumn {
  kNode,
  kPhase,
  kRound,
  kTrained,
  kLoss,
  kAccuracy,
  kCurve,  // no order follows from it
  kEnergy,
  kSent,
  kWaits,
};

// What the keys change, and the screen's size.
struct WatchView {
  std::size_t width = 80;
  std::size_t height = 24;
  WatchColumn sort = WatchColumn::kNode;
  bool descending = false;
  std::size_t first_row = 0;
  bool utf8 = true;
};

enum class WatchKey {
  kNone,
  kQuit,
  kLeft,
  kRight,
  kReverse,
  kUp,
  kDown,
  kPageUp,
  kPageDown,
  kHome,
  kEnd
};

// The view after a key; `rows` is the number of nodes.
WatchView pressed(WatchView view, WatchKey key, std::size_t rows);

struct Span {
  std::string text;
  Style style = Style::kPlain;
  bool inverse = false;
};
using PictureLine = std::vector<Span>;

// At most view.height lines. A first_row beyond the last full page counts as that page.
std::vector<PictureLine> picture(const WatchState& state, const WatchView& view);

// `values` as bars of eight heights from `low` to `high`, oldest at the left; more than `width` of
// them are averaged to as many.
std::string sparkline(const std::vector<double>& values, std::size_t width, double low, double high,
                      bool utf8);

// Exactly `width` cells: cut with an ellipsis, or filled up at the right (or at the left).
// Characters that a terminal could take for orders, and those that the locale lacks, become '?'.
std::string fitted(const std::string& text, std::size_t width, bool right = false);
// Of a text that `fitted` has cleaned.
std::size_t cells_of(const std::string& text);

}  // namespace skiptrain::ctl
