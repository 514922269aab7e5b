#include "ctl/data/deal.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <utility>

#include "data/source.h"

namespace skiptrain::ctl {
namespace {

// Who and what is dealt, in the order of the files.
struct Cards {
  std::vector<data::Label> labels;
  std::vector<std::uint32_t> users;  // none, or of each
};

Result<Cards> read_cards(const DealOptions& options) {
  // The test files are no matter here, and need not be there.
  auto source = data::find_source(options.data, data::TestFiles::kIgnored);
  if (!source) return tl::unexpected(source.error());
  source->label_column = options.label_column;
  source->held_out = 0.5;  // so that none is looked for; the chooser below sees all samples
  Cards cards;
  data::LoadOptions load;
  load.choose = [&](const data::RowFacts& rows) -> Result<std::vector<std::uint32_t>> {
    cards = {{rows.labels.begin(), rows.labels.end()}, {rows.users.begin(), rows.users.end()}};
    return std::vector<std::uint32_t>{0};
  };
  if (auto loaded = data::load(*source, data::Part::kTrain, load); !loaded) {
    return tl::unexpected(loaded.error());
  }
  return cards;
}

// Without those that are held out, and only as many as the limit says.
Cards remaining(const Cards& all, const DealOptions& options) {
  std::set<std::uint32_t> held_out;
  if (options.held_out > 0) {
    const auto rows = data::held_out_rows(all.labels, options.held_out, options.seed);
    held_out.insert(rows.begin(), rows.end());
  }
  Cards rest;
  for (std::uint32_t row = 0; row < all.labels.size(); ++row) {
    if (held_out.contains(row)) continue;
    if (options.limit > 0 && rest.labels.size() == options.limit) break;
    rest.labels.push_back(all.labels[row]);
    if (!all.users.empty()) rest.users.push_back(all.users[row]);
  }
  return rest;
}

}  // namespace

std::uint64_t Deal::of_node(std::size_t node) const {
  return std::accumulate(counts[node].begin(), counts[node].end(), std::uint64_t{0});
}

std::uint64_t Deal::largest() const {
  std::uint64_t most = 0;
  for (const auto& of_node : counts) {
    for (const std::uint64_t count : of_node) most = std::max(most, count);
  }
  return most;
}

Result<Deal> deal(const DealOptions& options) {
  const auto all = read_cards(options);
  if (!all) return tl::unexpected(all.error());
  const Cards cards = remaining(*all, options);
  const std::set<data::Label> classes(cards.labels.begin(), cards.labels.end());
  Deal dealt{{classes.begin(), classes.end()}, {}};
  std::map<data::Label, std::size_t> places;
  for (std::size_t i = 0; i < dealt.classes.size(); ++i) places[dealt.classes[i]] = i;
  for (std::uint32_t node = 0; node < options.nodes; ++node) {
    const auto share = data::indices_for(options.partition, cards.labels,
                                         {node, options.nodes, options.seed}, cards.users);
    if (!share) return tl::unexpected(share.error());
    std::vector<std::uint64_t>& counts = dealt.counts.emplace_back(dealt.classes.size());
    for (const std::uint32_t row : *share) ++counts[places.at(cards.labels[row])];
  }
  return dealt;
}

}  // namespace skiptrain::ctl
