// Who gets which samples: how a training set is dealt to the nodes of a run.
//
// A deal is a pure function of (rule, labels, number of nodes, seed), or of the number of samples
// where they have no labels, so every node computes the whole deal and keeps its own share; nobody
// hands out data. No sample goes to two nodes and, but for `all`, every sample goes to one. Draws
// come from base/rng, so a deal does not depend on the standard library; `dirichlet` also uses the
// C library's log and pow.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"

namespace skiptrain::data {

// Every node has the whole set: for a device that brings its own files.
struct AllSamples {
  bool operator==(const AllSamples&) const = default;
};
// A seeded shuffle, dealt evenly.
struct Iid {
  bool operator==(const Iid&) const = default;
};
// Sorted by label, cut into nodes * k shards, k random shards to each node: few classes per node
// (McMahan et al. 2017, section 3; SkipTrain, arXiv 2407.01283, uses k = 2).
struct LabelShards {
  std::uint32_t shards_per_node = 2;
  bool operator==(const LabelShards&) const = default;
};
// For each class, the nodes' proportions are drawn from a symmetric Dirichlet distribution (Hsu et
// al. 2019, arXiv 1909.06335). A small alpha gives each class to few nodes.
struct Dirichlet {
  double alpha = 1.0;
  bool operator==(const Dirichlet&) const = default;
};

// Whole users to each node, as evenly as their number goes: the natural partition of data that
// people made (LEAF, Caldas et al. 2018, arXiv 1812.01097). Only of files that name users.
struct Users {
  bool operator==(const Users&) const = default;
};

using Partition = std::variant<AllSamples, Iid, LabelShards, Dirichlet, Users>;

inline constexpr std::uint32_t kMaxShardsPerNode = 10'000;
inline constexpr double kMinDirichletAlpha = 1e-3;
inline constexpr double kMaxDirichletAlpha = 1e6;

// `all`, `iid`, `shards:K`, `dirichlet:ALPHA` or `users`. kInvalidArgument names what is allowed.
Result<Partition> parse_partition(std::string_view text);
std::string to_string(const Partition& partition);

// Whose share of a deal.
struct Seat {
  std::uint32_t position = 0;  // of this node among the run's nodes, from 0, in NodeId order
  std::uint32_t node_count = 1;
  std::uint64_t seed = 0;  // of the run
};

// The samples of one node, ascending. `users` names the user of each sample, or is empty.
// kInvalidArgument if the seat is not below `node_count`, if the share is empty, or if users are to
// be dealt and there are none; the message says what to change.
Result<std::vector<std::uint32_t>> indices_for(const Partition& partition,
                                               std::span<const Label> labels, const Seat& seat,
                                               std::span<const std::uint32_t> users = {});
// The same of samples that have no class. kInvalidArgument besides: a partition by class.
Result<std::vector<std::uint32_t>> indices_for(const Partition& partition,
                                               std::uint64_t sample_count, const Seat& seat);

// Which samples are set aside for tests, ascending: floor(fraction * labels.size()) of them, of
// each class as many as it has of all, but for one more or less. A pure function of its arguments,
// so that all nodes of a run set the same ones aside.
std::vector<std::uint32_t> held_out_rows(std::span<const Label> labels, double fraction,
                                         std::uint64_t seed);
// The same of samples that have no class: any of them.
std::vector<std::uint32_t> held_out_rows(std::uint64_t sample_count, double fraction,
                                         std::uint64_t seed);

// `count` of the numbers [0, population), ascending, uniformly drawn; all of them if `count` is 0
// or not below `population`.
std::vector<std::uint32_t> seeded_subset(std::uint32_t population, std::uint32_t count,
                                         std::uint64_t seed);

}  // namespace skiptrain::data
