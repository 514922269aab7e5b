#include "core/topology/adjacency_list.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/topology/parse_number.h"

namespace skiptrain::core {
namespace {

using Position = Topology::Position;

// A pair of the file, with the line it was first seen on.
using Listed = std::map<std::pair<Position, Position>, std::size_t>;

class AdjacencyParser {
 public:
  AdjacencyParser(std::string_view source, Disconnected disconnected)
      : source_(source), disconnected_(disconnected) {}

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
    if (disconnected_ == Disconnected::kRefuse && !graph.is_connected()) {
      return error_at(1, "the graph is disconnected: some of the " + std::to_string(*node_count_) +
                             " nodes cannot reach each other");
    }
    return graph;
  }

  static std::string name(std::pair<Position, Position> pair) {
    return "\"" + std::to_string(pair.first) + " " + std::to_string(pair.second) + "\"";
  }

  std::string source_;
  Disconnected disconnected_;
  std::size_t line_ = 0;
  std::optional<std::size_t> node_count_;
  Listed listed_;
};

}  // namespace

Result<Topology> parse_adjacency_list(std::string_view text, std::string_view source,
                                      Disconnected disconnected) {
  return AdjacencyParser(source, disconnected).parse(text);
}

}  // namespace skiptrain::core
