// How a training set would be dealt: how many samples of each class each node gets. Blocking; asks
// no daemon.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"
#include "data/partition.h"

namespace skiptrain::ctl {

struct DealOptions {
  std::string data;                    // folder, as for data::find_source
  std::string label_column = "label";  // of CSV files
  std::uint32_t nodes = 0;
  data::Partition partition;
  std::uint64_t seed = 1;
  std::uint32_t limit = 0;  // as data.train_limit
  double held_out = 0.0;    // as data.held_out
};

struct Deal {
  std::vector<data::Label> classes;                // those that occur, ascending
  std::vector<std::vector<std::uint64_t>> counts;  // [node][place in `classes`]

  std::uint64_t of_node(std::size_t node) const;
  std::uint64_t largest() const;  // of all counts
};

// Exactly what nodes with these settings would load. Errors as data::find_source, the format's
// reader and data::indices_for.
Result<Deal> deal(const DealOptions& options);

}  // namespace skiptrain::ctl
