// Graphs written by hand: an adjacency list, which `file:PATH` names.
#pragma once

#include <string_view>

#include "base/error.h"
#include "core/topology/topology.h"

namespace skiptrain::core {

// Whether a graph in several parts is an error, or is returned for somebody to look at.
enum class Disconnected { kRefuse, kAllow };

// Parses an adjacency list: the number of nodes on the first line, then one `u v` pair a line.
// Either every edge stands there once, or every edge stands in both directions; a mixture is
// refused as asymmetric. Blank lines and lines that start with # are skipped. `source` names the
// text in errors (FILE:LINE: ...). Reading the file is the caller's business.
Result<Topology> parse_adjacency_list(std::string_view text, std::string_view source,
                                      Disconnected disconnected = Disconnected::kRefuse);

}  // namespace skiptrain::core
