#include "data/partition.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/rng.h"

namespace skiptrain::data {
namespace {

// Streams of draws, so that a deal and a subset of one seed have nothing in common.
constexpr std::uint64_t kDealStream = 0x64656c;
constexpr std::uint64_t kSubsetStream = 0x737562;
constexpr std::uint64_t kHeldOutStream = 0x68656c64;

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

std::vector<std::uint32_t> all_indices(std::size_t count) {
  std::vector<std::uint32_t> indices(count);
  std::iota(indices.begin(), indices.end(), 0u);
  return indices;
}

// Where piece `piece` begins when `total` items are cut into `pieces` runs of nearly equal length.
std::size_t cut(std::size_t total, std::size_t pieces, std::size_t piece) {
  const std::size_t longer = total % pieces;
  return piece * (total / pieces) + std::min(piece, longer);
}

std::vector<std::uint32_t> deal_iid(std::size_t sample_count, const Seat& seat) {
  std::vector<std::uint32_t> order = all_indices(sample_count);
  Rng(derive_seed({seat.seed, kDealStream})).shuffle(order);
  const auto begin = static_cast<std::ptrdiff_t>(cut(sample_count, seat.node_count, seat.position));
  const auto end = static_cast<std::ptrdiff_t>(
      cut(sample_count, seat.node_count, seat.position + std::size_t{1}));
  return {order.begin() + begin, order.begin() + end};
}

std::vector<std::uint32_t> deal_shards(std::span<const Label> labels, std::uint32_t per_node,
                                       const Seat& seat) {
  std::vector<std::uint32_t> by_label = all_indices(labels.size());
  std::stable_sort(by_label.begin(), by_label.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return labels[a] < labels[b]; });
  const std::size_t shard_count = std::size_t{seat.node_count} * per_node;
  std::vector<std::uint32_t> shards = all_indices(shard_count);
  Rng(derive_seed({seat.seed, kDealStream})).shuffle(shards);
  std::vector<std::uint32_t> share;
  for (std::uint32_t k = 0; k < per_node; ++k) {
    const std::size_t shard = shards[std::size_t{seat.position} * per_node + k];
    for (std::size_t i = cut(labels.size(), shard_count, shard);
         i < cut(labels.size(), shard_count, shard + 1); ++i) {
      share.push_back(by_label[i]);
    }
  }
  return share;
}

// The seat's slice [first, second) of a class of `count` samples, its ends drawn with the others'.
std::pair<std::size_t, std::size_t> dirichlet_slice(std::size_t count, double alpha,
                                                    const Seat& seat, Rng& rng) {
  std::vector<double> weights(seat.node_count);
  for (double& weight : weights) weight = rng.gamma(alpha);
  double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!(sum > 0)) {
    // With a tiny alpha all draws may underflow to zero; the limit is the whole class to one node.
    weights[rng.below(seat.node_count)] = sum = 1.0;
  }
  const auto end_of = [&](std::uint32_t node) {
    if (node + 1 == seat.node_count) return count;
    const double before = std::accumulate(weights.begin(), weights.begin() + node + 1, 0.0);
    const double end = std::round(before / sum * static_cast<double>(count));
    return std::min(count, static_cast<std::size_t>(end));
  };
  return {seat.position == 0 ? 0 : end_of(seat.position - 1), end_of(seat.position)};
}

std::vector<std::uint32_t> deal_dirichlet(std::span<const Label> labels, double alpha,
                                          const Seat& seat) {
  const auto largest = std::max_element(labels.begin(), labels.end());
  std::vector<std::vector<std::uint32_t>> members(
      largest == labels.end() ? 0 : std::size_t{*largest} + 1);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    members[labels[i]].push_back(static_cast<std::uint32_t>(i));
  }
  std::vector<std::uint32_t> share;
  for (std::size_t label = 0; label < members.size(); ++label) {
    std::vector<std::uint32_t>& of_class = members[label];
    if (of_class.empty()) continue;
    Rng rng(derive_seed({seat.seed, kDealStream, label}));
    rng.shuffle(of_class);
    const auto [begin, end] = dirichlet_slice(of_class.size(), alpha, seat, rng);
    share.insert(share.end(), of_class.begin() + static_cast<std::ptrdiff_t>(begin),
                 of_class.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return share;
}

std::vector<std::uint32_t> deal_users(std::span<const std::uint32_t> users, const Seat& seat) {
  std::vector<std::uint32_t> order(users.begin(), users.end());
  std::sort(order.begin(), order.end());
  order.erase(std::unique(order.begin(), order.end()), order.end());
  Rng(derive_seed({seat.seed, kDealStream})).shuffle(order);
  const std::size_t begin = cut(order.size(), seat.node_count, seat.position);
  const std::size_t end = cut(order.size(), seat.node_count, seat.position + std::size_t{1});
  const std::set<std::uint32_t> own(order.begin() + static_cast<std::ptrdiff_t>(begin),
                                    order.begin() + static_cast<std::ptrdiff_t>(end));
  std::vector<std::uint32_t> share;
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (own.contains(users[i])) share.push_back(static_cast<std::uint32_t>(i));
  }
  return share;
}

template <typename Number>
bool parse_number(std::string_view text, Number& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

Error empty_share(const Partition& partition, std::size_t sample_count, const Seat& seat) {
  std::string advice = "use fewer nodes or more samples";
  if (std::holds_alternative<Dirichlet>(partition)) {
    advice = "use a larger alpha, fewer nodes or another run.seed";
  } else if (std::holds_alternative<AllSamples>(partition)) {
    advice = "the data set is empty";
  } else if (std::holds_alternative<Users>(partition)) {
    advice = "use at most as many nodes as there are users";
  }
  return {ErrorCode::kInvalidArgument,
          "partition " + to_string(partition) + " of " + std::to_string(sample_count) +
              " samples over " + std::to_string(seat.node_count) + " nodes leaves node position " +
              std::to_string(seat.position) + " without a sample: " + advice};
}

}  // namespace

Result<Partition> parse_partition(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const bool has_value = colon != std::string_view::npos;
  const std::string_view value = has_value ? text.substr(colon + 1) : std::string_view();
  if (kind == "all" && !has_value) return AllSamples{};
  if (kind == "iid" && !has_value) return Iid{};
  if (kind == "users" && !has_value) return Users{};
  if (kind == "shards" && has_value) {
    LabelShards shards;
    if (parse_number(value, shards.shards_per_node) && shards.shards_per_node >= 1 &&
        shards.shards_per_node <= kMaxShardsPerNode) {
      return shards;
    }
    return fail(ErrorCode::kInvalidArgument, "partition \"" + std::string(text) +
                                                 "\": shards:K needs a whole number K from 1 to " +
                                                 std::to_string(kMaxShardsPerNode));
  }
  if (kind == "dirichlet" && has_value) {
    Dirichlet dirichlet;
    if (parse_number(value, dirichlet.alpha) && dirichlet.alpha >= kMinDirichletAlpha &&
        dirichlet.alpha <= kMaxDirichletAlpha) {
      return dirichlet;
    }
    return fail(ErrorCode::kInvalidArgument,
                "partition \"" + std::string(text) +
                    "\": dirichlet:ALPHA needs a number ALPHA from 0.001 to 1000000");
  }
  return fail(ErrorCode::kInvalidArgument,
              "partition \"" + std::string(text) +
                  "\": must be all, iid, shards:K, dirichlet:ALPHA or users");
}

std::string to_string(const Partition& partition) {
  return std::visit(Overloaded{[](const AllSamples&) -> std::string { return "all"; },
                               [](const Iid&) -> std::string { return "iid"; },
                               [](const Users&) -> std::string { return "users"; },
                               [](const LabelShards& shards) {
                                 return "shards:" + std::to_string(shards.shards_per_node);
                               },
                               [](const Dirichlet& dirichlet) {
                                 char text[32];
                                 const auto end =
                                     std::to_chars(text, text + sizeof text, dirichlet.alpha).ptr;
                                 return "dirichlet:" + std::string(text, end);
                               }},
                    partition);
}

namespace {

Status check_seat(const Seat& seat, std::uint64_t sample_count) {
  SKIPTRAIN_CHECK(sample_count <= std::numeric_limits<std::uint32_t>::max(),
                  "samples are numbered in 32 bits");
  if (seat.position < seat.node_count) return {};
  return fail(ErrorCode::kInvalidArgument, "node position " + std::to_string(seat.position) +
                                               " is not below the number of " +
                                               std::to_string(seat.node_count) + " nodes");
}

tl::unexpected<Error> no_users(const std::string& others) {
  return fail(ErrorCode::kInvalidArgument,
              "partition users: the data do not say who made which sample: only the format leaf "
              "does; use " +
                  others);
}

}  // namespace

Result<std::vector<std::uint32_t>> indices_for(const Partition& partition,
                                               std::uint64_t sample_count, const Seat& seat) {
  if (auto good = check_seat(seat, sample_count); !good) {
    return tl::unexpected<Error>(good.error());
  }
  if (std::holds_alternative<Users>(partition)) return no_users("iid or all");
  const bool is_iid = std::holds_alternative<Iid>(partition);
  if (!is_iid && !std::holds_alternative<AllSamples>(partition)) {
    return fail(ErrorCode::kInvalidArgument,
                "partition " + to_string(partition) +
                    " deals by class, and these samples have numbers in place of classes: must be "
                    "iid or all");
  }
  std::vector<std::uint32_t> share =
      is_iid ? deal_iid(sample_count, seat) : all_indices(sample_count);
  if (share.empty()) return tl::unexpected<Error>(empty_share(partition, sample_count, seat));
  std::sort(share.begin(), share.end());
  return share;
}

Result<std::vector<std::uint32_t>> indices_for(const Partition& partition,
                                               std::span<const Label> labels, const Seat& seat,
                                               std::span<const std::uint32_t> users) {
  if (auto good = check_seat(seat, labels.size()); !good) {
    return tl::unexpected<Error>(good.error());
  }
  if (std::holds_alternative<Users>(partition) && users.empty()) {
    return no_users("iid, shards:K or dirichlet:ALPHA");
  }
  SKIPTRAIN_CHECK(users.empty() || users.size() == labels.size(), "every sample has its user");
  if (const auto* shards = std::get_if<LabelShards>(&partition)) {
    const std::uint64_t needed = std::uint64_t{seat.node_count} * shards->shards_per_node;
    if (needed > labels.size()) {
      return fail(ErrorCode::kInvalidArgument,
                  "partition " + to_string(partition) + " over " + std::to_string(seat.node_count) +
                      " nodes cuts " + std::to_string(needed) + " shards, but there are only " +
                      std::to_string(labels.size()) + " samples: use fewer shards or nodes");
    }
  }
  std::vector<std::uint32_t> share =
      std::visit(Overloaded{[&](const AllSamples&) { return all_indices(labels.size()); },
                            [&](const Iid&) { return deal_iid(labels.size(), seat); },
                            [&](const Users&) { return deal_users(users, seat); },
                            [&](const LabelShards& shards) {
                              return deal_shards(labels, shards.shards_per_node, seat);
                            },
                            [&](const Dirichlet& dirichlet) {
                              return deal_dirichlet(labels, dirichlet.alpha, seat);
                            }},
                 partition);
  if (share.empty()) return tl::unexpected<Error>(empty_share(partition, labels.size(), seat));
  std::sort(share.begin(), share.end());
  return share;
}

namespace {

// Every 1/fraction-th of the samples as they stand in `order`; ascending.
std::vector<std::uint32_t> evenly_taken(const std::vector<std::uint32_t>& order, double fraction) {
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double before = std::floor(static_cast<double>(i) * fraction);
    if (std::floor(static_cast<double>(i + 1) * fraction) > before) rows.push_back(order[i]);
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<std::uint32_t> held_out_order(std::size_t sample_count, std::uint64_t seed) {
  std::vector<std::uint32_t> order = all_indices(sample_count);
  Rng(derive_seed({seed, kHeldOutStream})).shuffle(order);
  return order;
}

}  // namespace

std::vector<std::uint32_t> held_out_rows(std::span<const Label> labels, double fraction,
                                         std::uint64_t seed) {
  std::vector<std::uint32_t> order = held_out_order(labels.size(), seed);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return labels[a] < labels[b]; });
  return evenly_taken(order, fraction);
}

std::vector<std::uint32_t> held_out_rows(std::uint64_t sample_count, double fraction,
                                         std::uint64_t seed) {
  return evenly_taken(held_out_order(sample_count, seed), fraction);
}

std::vector<std::uint32_t> seeded_subset(std::uint32_t population, std::uint32_t count,
                                         std::uint64_t seed) {
  std::vector<std::uint32_t> indices = all_indices(population);
  if (count == 0 || count >= population) return indices;
  Rng rng(derive_seed({seed, kSubsetStream}));
  for (std::uint32_t i = 0; i < count; ++i) {
    std::swap(indices[i], indices[i + rng.below(population - i)]);
  }
  indices.resize(count);
  std::sort(indices.begin(), indices.end());
  return indices;
}

}  // namespace skiptrain::data
