#include "core/topology.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>

#include "base/check.h"
#include "base/rng.h"

namespace skiptrain::core {
namespace {

using Position = Topology::Position;
constexpr std::uint32_t kUnreached = std::numeric_limits<std::uint32_t>::max();

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

Topology build_ring(std::size_t n) {
  Topology graph(n);
  for (std::size_t i = 0; n > 1 && i < n; ++i) {
    graph.add_edge(static_cast<Position>(i), static_cast<Position>((i + 1) % n));
  }
  return graph;
}

Topology build_complete(std::size_t n) {
  Topology graph(n);
  for (Position a = 0; a < n; ++a) {
    for (Position b = a + 1; b < n; ++b) graph.add_edge(a, b);
  }
  return graph;
}

Topology build_star(std::size_t n) {
  Topology graph(n);
  for (Position leaf = 1; leaf < n; ++leaf) graph.add_edge(0, leaf);
  return graph;
}

Result<Topology> build_torus(std::size_t n) {
  // The most nearly square grid; a side of 1 would be a ring under another name.
  std::size_t rows = 1;
  for (std::size_t r = 2; r * r <= n; ++r) {
    if (n % r == 0) rows = r;
  }
  if (rows == 1) {
    return fail(ErrorCode::kInvalidArgument,
                "topology torus: needs rows x columns nodes with both at least 2, and " +
                    std::to_string(n) + " is not such a product; use ring or regular:4");
  }
  const std::size_t columns = n / rows;
  Topology graph(n);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      const auto here = static_cast<Position>(r * columns + c);
      graph.add_edge(here, static_cast<Position>(r * columns + (c + 1) % columns));
      graph.add_edge(here, static_cast<Position>((r + 1) % rows * columns + c));
    }
  }
  return graph;
}

// The d-regular graph in which each node is joined to those at distance 1..d/2 around a circle
// (and, for odd d, to the opposite one).
Topology build_circulant(std::size_t n, std::uint32_t d) {
  Topology graph(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t offset = 1; offset <= d / 2; ++offset) {
      graph.add_edge(static_cast<Position>(i), static_cast<Position>((i + offset) % n));
    }
    if (d % 2 == 1)
      graph.add_edge(static_cast<Position>(i), static_cast<Position>((i + n / 2) % n));
  }
  return graph;
}

// One sweep of random edge switches (a-b, c-d -> a-d, c-b), which keep all degrees. The chain of
// such switches reaches every simple regular graph (Taylor 1981), and unlike the pairing model it
// needs no rejection, whose cost grows as exp(d^2 / 4).
void switch_edges(Topology& graph, std::vector<std::pair<Position, Position>>& edges, Rng& rng) {
  constexpr std::size_t kSwitchesPerEdge = 10;
  for (std::size_t i = 0; i < edges.size() * kSwitchesPerEdge; ++i) {
    auto& first = edges[rng.below(edges.size())];
    auto& second = edges[rng.below(edges.size())];
    auto [a, b] = first;
    auto [c, d] = second;
    if (rng.below(2) == 1) std::swap(c, d);
    if (a == c || a == d || b == c || b == d) continue;
    if (graph.has_edge(a, d) || graph.has_edge(c, b)) continue;
    graph.remove_edge(a, b);
    graph.remove_edge(c, d);
    graph.add_edge(a, d);
    graph.add_edge(c, b);
    first = {a, d};
    second = {c, b};
  }
}

Result<Topology> build_regular(std::size_t n, std::uint32_t d, std::uint64_t seed) {
  const std::string what =
      "topology regular:" + std::to_string(d) + " on " + std::to_string(n) + " nodes: ";
  if (d >= n) {
    return fail(ErrorCode::kInvalidArgument, what + "the degree must be below the number of nodes");
  }
  if (n * d % 2 != 0) {
    return fail(ErrorCode::kInvalidArgument,
                what + "nodes x degree must be even; take an even number of either");
  }
  if (d == 1 && n > 2) {
    return fail(ErrorCode::kInvalidArgument, what + "with degree 1 only two nodes are connected");
  }
  Topology graph = build_circulant(n, d);
  if (d + 1 == n) return graph;  // complete: there is nothing to switch
  Rng rng(derive_seed({seed, n, d}));
  auto edges = graph.edges();
  // For d >= 3 one sweep is connected almost surely; for d = 2 about one in sqrt(n) is.
  constexpr int kMaxSweeps = 10'000;
  for (int sweep = 0; sweep < kMaxSweeps; ++sweep) {
    switch_edges(graph, edges, rng);
    if (graph.is_connected()) return graph;
  }
  return fail(ErrorCode::kInvalidArgument, what + "found no connected graph; use another seed");
}

}  // namespace

Result<TopologySpec> parse_topology_spec(std::string_view text) {
  using Kind = TopologySpec::Kind;
  if (text == "ring") return TopologySpec{Kind::kRing};
  if (text == "complete") return TopologySpec{Kind::kComplete};
  if (text == "star") return TopologySpec{Kind::kStar};
  if (text == "torus") return TopologySpec{Kind::kTorus};
  if (text.starts_with("regular:")) {
    const auto degree = parse_number(text.substr(8));
    if (degree && *degree >= 1 && *degree < kMaxTopologyNodes) {
      return TopologySpec{Kind::kRegular, static_cast<std::uint32_t>(*degree)};
    }
    return fail(ErrorCode::kInvalidArgument,
                "topology \"" + std::string(text) + "\": the degree must be a whole number from 1");
  }
  if (text.starts_with("file:") && text.size() > 5) {
    return TopologySpec{Kind::kFile, 0, std::string(text.substr(5))};
  }
  return fail(ErrorCode::kInvalidArgument,
              "topology \"" + std::string(text) +
                  "\": must be ring, complete, star, torus, regular:D or file:PATH");
}

std::string to_string(const TopologySpec& spec) {
  switch (spec.kind) {
    case TopologySpec::Kind::kRing:
      return "ring";
    case TopologySpec::Kind::kComplete:
      return "complete";
    case TopologySpec::Kind::kStar:
      return "star";
    case TopologySpec::Kind::kTorus:
      return "torus";
    case TopologySpec::Kind::kRegular:
      return "regular:" + std::to_string(spec.degree);
    case TopologySpec::Kind::kFile:
      return "file:" + spec.path;
  }
  return "unknown";
}

bool Topology::has_edge(Position a, Position b) const {
  return std::ranges::binary_search(neighbours_[a], b);
}

std::vector<std::pair<Position, Position>> Topology::edges() const {
  std::vector<std::pair<Position, Position>> result;
  for (Position a = 0; a < node_count(); ++a) {
    for (const Position b : neighbours_[a]) {
      if (a < b) result.emplace_back(a, b);
    }
  }
  return result;
}

void Topology::add_edge(Position a, Position b) {
  SKIPTRAIN_CHECK(a != b && a < node_count() && b < node_count(), "an edge joins two nodes");
  const auto insert = [](std::vector<Position>& list, Position node) {
    const auto at = std::ranges::lower_bound(list, node);
    if (at == list.end() || *at != node) list.insert(at, node);
  };
  insert(neighbours_[a], b);
  insert(neighbours_[b], a);
}

void Topology::remove_edge(Position a, Position b) {
  std::erase(neighbours_[a], b);
  std::erase(neighbours_[b], a);
}

std::vector<std::uint32_t> Topology::distances_from(Position start) const {
  std::vector<std::uint32_t> distance(node_count(), kUnreached);
  std::vector<Position> frontier = {start};
  distance[start] = 0;
  for (std::size_t head = 0; head < frontier.size(); ++head) {
    for (const Position next : neighbours_[frontier[head]]) {
      if (distance[next] != kUnreached) continue;
      distance[next] = distance[frontier[head]] + 1;
      frontier.push_back(next);
    }
  }
  return distance;
}

bool Topology::is_connected() const {
  if (node_count() == 0) return true;
  return std::ranges::count(distances_from(0), kUnreached) == 0;
}

std::size_t Topology::diameter() const {
  std::size_t longest = 0;
  for (Position start = 0; start < node_count(); ++start) {
    const auto distance = distances_from(start);
    longest = std::max<std::size_t>(longest, *std::ranges::max_element(distance));
  }
  return longest;
}

Result<Topology> build_topology(const TopologySpec& spec, std::size_t node_count,
                                std::uint64_t seed) {
  if (node_count == 0 || node_count > kMaxTopologyNodes) {
    return fail(ErrorCode::kInvalidArgument, "a topology needs 1 to " +
                                                 std::to_string(kMaxTopologyNodes) +
                                                 " nodes, not " + std::to_string(node_count));
  }
  switch (spec.kind) {
    case TopologySpec::Kind::kRing:
      return build_ring(node_count);
    case TopologySpec::Kind::kComplete:
      return build_complete(node_count);
    case TopologySpec::Kind::kStar:
      return build_star(node_count);
    case TopologySpec::Kind::kTorus:
      return build_torus(node_count);
    case TopologySpec::Kind::kRegular:
      return build_regular(node_count, spec.degree, seed);
    case TopologySpec::Kind::kFile:
      break;
  }
  return fail(ErrorCode::kInvalidArgument,
              "topology " + to_string(spec) + ": read the file and parse its adjacency list");
}

namespace {

// A pair of the file, with the line it was first seen on.
using Listed = std::map<std::pair<Position, Position>, std::size_t>;

class AdjacencyParser {
 public:
  explicit AdjacencyParser(std::string_view source) : source_(source) {}

  Result<Topology> parse(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      ++line_;
      if (auto status = parse_line(text.substr(0, end)); !status) {
        return tl::unexpected(status.error());
      }
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    if (!node_count_) return error("the first line must be the number of nodes");
    return finish();
  }

 private:
  tl::unexpected<Error> error(const std::string& what) const { return error_at(line_, what); }
  tl::unexpected<Error> error_at(std::size_t line, const std::string& what) const {
    return fail(ErrorCode::kInvalidArgument,
                source_ + ":" + std::to_string(std::max<std::size_t>(line, 1)) + ": " + what);
  }

  static std::vector<std::string_view> split(std::string_view line) {
    constexpr std::string_view kBlank = " \t\r";
    std::vector<std::string_view> words;
    for (std::size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;
         at = line.find_first_not_of(kBlank, at)) {
      const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
      words.push_back(line.substr(at, end - at));
      at = end;
      if (at == line.size()) break;
    }
    return words;
  }

  Status parse_line(std::string_view line) {
    const auto words = split(line);
    if (words.empty() || words[0].starts_with('#')) return {};
    if (!node_count_) return parse_count(words);
    const auto u = parse_number(words[0]);
    const auto v = words.size() == 2 ? parse_number(words[1]) : std::nullopt;
    if (!u || !v) return error("\"" + std::string(line) + "\": must be two node numbers, u v");
    for (const std::uint64_t node : {*u, *v}) {
      if (node >= *node_count_) {
        return error("node " + std::to_string(node) + " is out of range: must be 0 to " +
                     std::to_string(*node_count_ - 1));
      }
    }
    if (*u == *v) return error("node " + std::to_string(*u) + " is joined to itself");
    const std::pair pair(static_cast<Position>(*u), static_cast<Position>(*v));
    const auto [seen, fresh] = listed_.emplace(pair, line_);
    if (!fresh) {
      return error("the pair " + name(pair) + " stands on line " + std::to_string(seen->second) +
                   " already");
    }
    return {};
  }

  Status parse_count(const std::vector<std::string_view>& words) {
    const auto count = words.size() == 1 ? parse_number(words[0]) : std::nullopt;
    if (!count || *count == 0 || *count > kMaxTopologyNodes) {
      return error("the first line must be the number of nodes, 1 to " +
                   std::to_string(kMaxTopologyNodes));
    }
    node_count_ = static_cast<std::size_t>(*count);
    return {};
  }

  Result<Topology> finish() const {
    const std::pair<const std::pair<Position, Position>, std::size_t>* one_way = nullptr;
    bool both_ways = false;
    Topology graph(*node_count_);
    for (const auto& entry : listed_) {
      const auto [u, v] = entry.first;
      graph.add_edge(u, v);
      if (listed_.contains({v, u})) {
        both_ways = true;
      } else if (one_way == nullptr || entry.second < one_way->second) {
        one_way = &entry;
      }
    }
    if (both_ways && one_way != nullptr) {
      const auto [u, v] = one_way->first;
      return error_at(one_way->second, "asymmetric: " + name({u, v}) + " is listed but " +
                                           name({v, u}) +
                                           " is not, while other edges stand in both directions");
    }
    if (!graph.is_connected()) {
      return error_at(1, "the graph is disconnected: some of the " + std::to_string(*node_count_) +
                             " nodes cannot reach each other");
    }
    return graph;
  }

  static std::string name(std::pair<Position, Position> pair) {
    return "\"" + std::to_string(pair.first) + " " + std::to_string(pair.second) + "\"";
  }

  std::string source_;
  std::size_t line_ = 0;
  std::optional<std::size_t> node_count_;
  Listed listed_;
};

}  // namespace

Result<Topology> parse_adjacency_list(std::string_view text, std::string_view source) {
  return AdjacencyParser(source).parse(text);
}

}  // namespace skiptrain::core
