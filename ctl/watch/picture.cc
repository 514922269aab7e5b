#include "ctl/watch/picture.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ctl/watch/columns.h"
#include "ctl/words.h"

namespace skiptrain::ctl {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kWidestName = 20;
constexpr std::size_t kLeastCurve = 8;
constexpr std::size_t kMostCurve = 24;
constexpr std::size_t kLeastWaits = 12;

std::vector<double> values_of(const std::map<std::uint64_t, double>& curve) {
  std::vector<double> values;
  values.reserve(curve.size());
  for (const auto& [round, value] : curve) values.push_back(value);
  return values;
}

// Over the nodes that were evaluated after each number of rounds.
std::vector<double> mean_curve(const WatchState& state, const Scale& scale) {
  std::map<std::uint64_t, std::pair<double, double>> sums;
  for (const Curves& curves : state.curves) {
    for (const auto& [round, value] : scale.of(curves)) {
      sums[round].first += value;
      sums[round].second += 1;
    }
  }
  std::vector<double> means;
  means.reserve(sums.size());
  for (const auto& [round, sum] : sums) means.push_back(sum.first / sum.second);
  return means;
}

std::string title_of(const ColumnKind& kind, const WatchView& view, const Scale& scale) {
  std::string title = kind.title;
  if (kind.column == WatchColumn::kAccuracy && !scale.accuracy) title = "test loss";
  if (kind.column != view.sort) return title;
  const char* mark = view.descending ? (view.utf8 ? "▼" : "v") : (view.utf8 ? "▲" : "^");
  return title + mark;
}

struct Placed {
  const ColumnKind* kind;
  std::size_t width;
};

// The columns that there is room for.
std::vector<Placed> layout(const WatchState& state, const WatchView& view, const Scale& scale) {
  std::array<std::size_t, kColumns.size()> widths{};
  for (std::size_t c = 0; c < kColumns.size(); ++c) {
    const WatchColumn column = kColumns[c].column;
    // Room for the mark of the order, so that choosing another column moves nothing.
    widths[c] = std::string(kColumns[c].title).size() + 1;
    if (column == WatchColumn::kCurve) widths[c] = kLeastCurve;
    if (column == WatchColumn::kWaits) widths[c] = kLeastWaits;
    if (column == WatchColumn::kCurve || column == WatchColumn::kWaits) continue;
    for (std::size_t node = 0; node < state.nodes.size(); ++node) {
      widths[c] = std::max(widths[c], cells_of(cell_of(state, node, column, scale).text));
    }
    if (column == WatchColumn::kNode) widths[c] = std::min(widths[c], kWidestName);
  }
  std::array<std::size_t, kColumns.size()> by_rank{};
  for (std::size_t c = 0; c < kColumns.size(); ++c) {
    by_rank[static_cast<std::size_t>(kColumns[c].rank)] = c;
  }
  std::array<bool, kColumns.size()> shown{};
  std::size_t used = 0;
  for (const std::size_t c : by_rank) {
    const std::size_t needed = widths[c] + (used > 0 ? kGap : 0);
    if (used + needed > view.width && used > 0) break;
    widths[c] = std::min(widths[c], view.width);
    shown[c] = true;
    used += needed;
  }
  std::vector<Placed> placed;
  for (std::size_t c = 0; c < kColumns.size(); ++c) {
    if (!shown[c]) continue;
    std::size_t spare = view.width - std::min(view.width, used);
    if (kColumns[c].column == WatchColumn::kCurve) {
      spare = std::min(spare / 2, kMostCurve - kLeastCurve);
    } else if (kColumns[c].column != WatchColumn::kWaits) {
      spare = 0;
    }
    used += spare;
    placed.push_back({&kColumns[c], widths[c] + spare});
  }
  return placed;
}

PictureLine header_line(const std::vector<Placed>& columns, const WatchView& view,
                        const Scale& scale) {
  std::string text;
  for (const Placed& placed : columns) {
    if (!text.empty()) text += std::string(kGap, ' ');
    text += fitted(title_of(*placed.kind, view, scale), placed.width, placed.kind->right);
  }
  return {{fitted(text, view.width), Style::kBold, true}};
}

PictureLine node_line(const WatchState& state, std::size_t node, const std::vector<Placed>& columns,
                      const Scale& scale, const WatchView& view) {
  PictureLine line;
  for (const Placed& placed : columns) {
    if (!line.empty()) line.push_back({std::string(kGap, ' ')});
    if (placed.kind->column == WatchColumn::kCurve) {
      const auto values = values_of(scale.of(state.curves[node]));
      line.push_back({fitted(sparkline(values, placed.width, scale.low, scale.high, view.utf8),
                             placed.width)});
      continue;
    }
    const Cell cell = cell_of(state, node, placed.kind->column, scale);
    line.push_back({fitted(cell.text, placed.width, placed.kind->right), cell.style});
  }
  return line;
}

// "node-3 holds up 2: node-0, node-1": those that most wait for come first.
std::string holdups(const WatchState& state) {
  std::map<std::string, std::vector<std::string>> waiting;
  for (const WatchedNode& node : state.nodes) {
    if (!node.status) continue;
    for (const auto& other : node.status->waiting_for()) {
      waiting[node_text(other.node_id(), other.node_name())].push_back(node.name);
    }
  }
  if (waiting.empty()) return "no node waits for another";
  std::vector<std::pair<std::string, std::vector<std::string>>> all(waiting.begin(), waiting.end());
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  std::string text;
  for (const auto& [name, held] : all) {
    text += (text.empty() ? "" : "; ") + name + " holds up ";
    for (std::size_t i = 0; i < held.size(); ++i) text += (i == 0 ? "" : ", ") + held[i];
  }
  return text;
}

std::string heading(const WatchState& state) {
  std::size_t answering = 0;
  const v1::GetStatusResponse* first = nullptr;
  for (const WatchedNode& node : state.nodes) {
    if (!node.status) continue;
    ++answering;
    if (first == nullptr) first = &*node.status;
  }
  std::string text = " SkipTrain  " + std::to_string(answering) + " of " +
                     std::to_string(state.nodes.size()) + " nodes answer";
  if (first != nullptr) {
    text += "  run " + first->run_id() + ", cluster " + first->cluster_id() + ", " +
            schedule_text(first->schedule());
  }
  return text;
}

PictureLine mean_line(const WatchState& state, const Scale& scale, const WatchView& view) {
  const auto means = mean_curve(state, scale);
  if (means.empty()) return {{fitted(" nothing was evaluated yet", view.width), Style::kDim}};
  const std::string name = scale.accuracy ? " mean accuracy " : " mean test loss ";
  const std::string value = "  " + scale.text(means.back()) + ", curves from " +
                            scale.text(scale.low) + " to " + scale.text(scale.high);
  const std::size_t words = name.size() + value.size();
  const std::size_t room = view.width > words ? std::min(kMostCurve, view.width - words) : 0;
  return {{fitted(name + sparkline(means, room, scale.low, scale.high, view.utf8) + value,
                  view.width)}};
}

std::string key_help(const WatchView& view, std::size_t rows, std::size_t from, std::size_t shown) {
  std::string text;
  if (shown < rows) {
    text = "rows " + std::to_string(from + 1) + "-" + std::to_string(from + shown) + " of " +
           std::to_string(rows) + "   ";
  }
  text += view.utf8 ? "q quit  ←→ sort by  r reverse  ↑↓ scroll"
                    : "q quit  <> sort by  r reverse  jk scroll";
  for (const ColumnKind& kind : kColumns) {
    if (kind.column == view.sort) text += "   by " + std::string(kind.title);
  }
  return text;
}

// Lines around the rows: on low screens the least important are left out.
struct Frame {
  bool heading;
  bool summary;
  bool mean;
  bool holdups;
  bool help;

  explicit Frame(std::size_t height)
      : heading(height >= 5),
        summary(height >= 6),
        mean(height >= 8),
        holdups(height >= 7),
        help(height >= 4) {}
  std::size_t lines() const {
    return std::size_t{1} + heading + summary + mean + holdups + help;  // with the header
  }
};

std::size_t rows_shown(std::size_t height) {
  const std::size_t others = Frame(height).lines();
  return height > others ? height - others : 0;
}

}  // namespace

WatchView pressed(WatchView view, WatchKey key, std::size_t rows) {
  const std::size_t page = std::max<std::size_t>(1, rows_shown(view.height));
  const std::size_t last = rows > page ? rows - page : 0;
  const auto column = static_cast<std::size_t>(view.sort);
  const auto move = [&](std::size_t by) {
    auto next = (column + by) % kColumns.size();
    if (static_cast<WatchColumn>(next) == WatchColumn::kCurve) next = (next + by) % kColumns.size();
    view.sort = static_cast<WatchColumn>(next);
  };
  const std::size_t at = std::min(view.first_row, last);
  switch (key) {
    case WatchKey::kLeft:
      move(kColumns.size() - 1);
      break;
    case WatchKey::kRight:
      move(1);
      break;
    case WatchKey::kReverse:
      view.descending = !view.descending;
      break;
    case WatchKey::kUp:
      view.first_row = at - std::min<std::size_t>(1, at);
      break;
    case WatchKey::kDown:
      view.first_row = std::min(at + 1, last);
      break;
    case WatchKey::kPageUp:
      view.first_row = at - std::min(page, at);
      break;
    case WatchKey::kPageDown:
      view.first_row = std::min(at + page, last);
      break;
    case WatchKey::kHome:
      view.first_row = 0;
      break;
    case WatchKey::kEnd:
      view.first_row = last;
      break;
    case WatchKey::kNone:
    case WatchKey::kQuit:
      break;
  }
  return view;
}

std::vector<PictureLine> picture(const WatchState& state, const WatchView& view) {
  if (view.width == 0 || view.height == 0) return {};
  const Scale scale = scale_of(state);
  const Frame frame(view.height);
  const std::size_t rows = state.nodes.size();
  const std::size_t room = rows_shown(view.height);
  const std::size_t shown = std::min(room, rows);
  const std::size_t from = std::min(view.first_row, rows - shown);
  const auto columns = layout(state, view, scale);
  const auto order = sorted(state, view, scale);
  std::vector<PictureLine> lines;
  if (frame.heading) lines.push_back({{fitted(heading(state), view.width), Style::kBold}});
  if (frame.summary) lines.push_back({{fitted(" " + watch_line(state.nodes), view.width)}});
  if (frame.mean) lines.push_back(mean_line(state, scale, view));
  lines.push_back(header_line(columns, view, scale));
  for (std::size_t i = 0; i < shown; ++i) {
    lines.push_back(node_line(state, order[from + i], columns, scale, view));
  }
  for (std::size_t i = shown; i < room; ++i) lines.push_back({{std::string(view.width, ' ')}});
  if (frame.holdups) lines.push_back({{fitted(" " + holdups(state), view.width)}});
  if (frame.help) {
    lines.push_back({{fitted(" " + key_help(view, rows, from, shown), view.width), Style::kDim}});
  }
  return lines;
}

}  // namespace skiptrain::ctl
