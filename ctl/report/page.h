// One page of plots and tables of runs, for people: HTML that needs nothing outside itself.
//
// Written by the simulator of what it simulated and by `skipctl report` of what real nodes have in
// their histories. What a run does not know (NaN) is left out, or a dash where others know it; it
// is never 0. Pure: results in, text out; the caller writes the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/schedule.h"
#include "ctl/report/run_results.h"

namespace skiptrain::ctl {

// What the words around the numbers speak of.
enum class Origin { kSimulation, kFleet };

struct PageRun {
  std::reference_wrapper<const RunResults> results;
  core::Schedule schedule;
  std::uint64_t rounds_asked = 0;
  // Name and value, in words, in the order of the page's table; the names are the same in all runs.
  std::vector<std::pair<std::string, std::string>> settings;
};

struct Page {
  Origin origin = Origin::kSimulation;
  std::string title;
  std::string command;  // as typed: "skipctl sim --nodes 64 ..."
  std::string version;  // of the program; kVersion
  std::vector<PageRun> runs;
  std::optional<SweepGrid> sweep;
};

// Plots as SVG, tables, light and dark, printable. Long series are thinned to kMaxPlottedPoints a
// run, and a graph is drawn up to kMaxDrawnNodes and kMaxDrawnEdges; above, the page shows the
// histogram of its degrees.
std::string page_html(const Page& page);

inline constexpr std::size_t kMaxPlottedPoints = 2000;
inline constexpr std::size_t kMaxDrawnNodes = 512;
inline constexpr std::size_t kMaxDrawnEdges = 8192;

}  // namespace skiptrain::ctl
