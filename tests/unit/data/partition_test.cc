#include "data/partition.h"

#include <algorithm>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace skiptrain::data {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

// `count` labels of `classes` classes in no order.
std::vector<Label> mixed_labels(std::size_t count, std::uint32_t classes) {
  Rng rng(99);
  std::vector<Label> labels(count);
  for (auto& label : labels) label = static_cast<Label>(rng.below(classes));
  return labels;
}

std::vector<std::uint32_t> share_of(const Partition& partition, const std::vector<Label>& labels,
                                    Seat seat) {
  const auto share = indices_for(partition, labels, seat);
  EXPECT_TRUE(share) << share.error().message;
  return share ? *share : std::vector<std::uint32_t>();
}

std::set<Label> classes_of(const std::vector<std::uint32_t>& share,
                           const std::vector<Label>& labels) {
  std::set<Label> classes;
  for (const std::uint32_t index : share) classes.insert(labels[index]);
  return classes;
}

TEST(ParsePartitionTest, UnderstandsEveryRuleAndPrintsItBack) {
  for (const char* text : {"all", "iid", "shards:2", "dirichlet:0.1", "dirichlet:100"}) {
    const auto partition = parse_partition(text);
    ASSERT_TRUE(partition) << partition.error().message;
    EXPECT_EQ(to_string(*partition), text);
  }
}

TEST(ParsePartitionTest, RefusesAnythingElse) {
  for (const char* text :
       {"", "IID", "iid:3", "all:", "shards", "shards:", "shards:0", "shards:-1", "shards:2x",
        "shards:10001", "dirichlet", "dirichlet:", "dirichlet:0", "dirichlet:-1", "dirichlet:nan",
        "dirichlet:inf", "dirichlet:1e9", "shard:2", "shards:99999999999999999999"}) {
    const auto partition = parse_partition(text);
    ASSERT_FALSE(partition) << "accepted \"" << text << '"';
    EXPECT_EQ(partition.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(partition.error().message, HasSubstr('"' + std::string(text) + '"'));
  }
}

class DealTest : public ::testing::TestWithParam<const char*> {};

TEST_P(DealTest, EverySampleGoesToExactlyOneNode) {
  const Partition partition = *parse_partition(GetParam());
  const auto labels = mixed_labels(1003, 10);
  std::vector<int> dealt(labels.size());
  for (std::uint32_t position = 0; position < 7; ++position) {
    const auto share = share_of(partition, labels, {position, 7, 5});
    EXPECT_TRUE(std::is_sorted(share.begin(), share.end()));
    for (const std::uint32_t index : share) ++dealt[index];
  }
  EXPECT_THAT(dealt, Each(1));
}

TEST_P(DealTest, FollowsTheSeedAndNothingElse) {
  const Partition partition = *parse_partition(GetParam());
  const auto labels = mixed_labels(1003, 10);
  EXPECT_EQ(share_of(partition, labels, {2, 7, 5}), share_of(partition, labels, {2, 7, 5}));
  EXPECT_NE(share_of(partition, labels, {2, 7, 5}), share_of(partition, labels, {2, 7, 6}));
}

TEST_P(DealTest, DealsMoreClassesThanAByteCounts) {
  const Partition partition = *parse_partition(GetParam());
  auto labels = mixed_labels(1003, 300);
  labels.back() = 65'535;
  std::vector<int> dealt(labels.size());
  for (std::uint32_t position = 0; position < 4; ++position) {
    for (const std::uint32_t index : share_of(partition, labels, {position, 4, 5})) ++dealt[index];
  }
  EXPECT_THAT(dealt, Each(1));
}

INSTANTIATE_TEST_SUITE_P(Rules, DealTest,
                         ::testing::Values("iid", "shards:1", "shards:2", "shards:9",
                                           "dirichlet:0.5", "dirichlet:100"));

TEST(IidTest, SharesDifferByAtMostOneSample) {
  const auto labels = mixed_labels(103, 10);
  for (std::uint32_t position = 0; position < 10; ++position) {
    EXPECT_THAT(share_of(Iid{}, labels, {position, 10, 1}).size(), ::testing::AnyOf(10, 11));
  }
}

TEST(LabelShardsTest, GivesFewClassesToEachNode) {
  std::vector<Label> labels;
  for (std::uint32_t i = 0; i < 2000; ++i) labels.push_back(static_cast<Label>(i % 10));
  for (std::uint32_t position = 0; position < 10; ++position) {
    // 20 shards of 100 samples over 10 classes of 200: a shard never spans two classes.
    const auto share = share_of(LabelShards{2}, labels, {position, 10, 3});
    EXPECT_EQ(share.size(), 200u);
    EXPECT_LE(classes_of(share, labels).size(), 2u);
  }
}

TEST(LabelShardsTest, RefusesMoreShardsThanSamples) {
  const auto share = indices_for(LabelShards{3}, mixed_labels(20, 2), {0, 7, 1});
  ASSERT_FALSE(share);
  EXPECT_THAT(share.error().message, HasSubstr("21 shards"));
  EXPECT_THAT(share.error().message, HasSubstr("fewer shards or nodes"));
}

// The largest part of one node's share that is of a single class, averaged over the nodes.
double mean_dominance(double alpha) {
  const auto labels = mixed_labels(5000, 10);
  double sum = 0;
  for (std::uint32_t position = 0; position < 10; ++position) {
    const auto share = share_of(Dirichlet{alpha}, labels, {position, 10, 4});
    std::map<Label, double> counts;
    double most = 0;
    for (const std::uint32_t index : share) most = std::max(most, ++counts[labels[index]]);
    sum += most / static_cast<double>(share.size());
  }
  return sum / 10;
}

TEST(DirichletTest, ASmallAlphaConcentratesClasses) {
  EXPECT_LT(mean_dominance(1000), 0.2);
  EXPECT_GT(mean_dominance(0.1), 0.4);
}

TEST(DirichletTest, TheTiniestAlphaStillDealsEverySample) {
  const auto labels = mixed_labels(500, 5);
  std::vector<int> dealt(labels.size());
  for (std::uint32_t position = 0; position < 4; ++position) {
    const auto share = indices_for(Dirichlet{kMinDirichletAlpha}, labels, {position, 4, 8});
    if (!share) continue;  // an empty share is an error, and to be expected here
    for (const std::uint32_t index : *share) ++dealt[index];
  }
  EXPECT_THAT(dealt, Each(1));
}

TEST(IndicesForTest, AnEmptyShareSaysWhatToChange) {
  const auto iid = indices_for(Iid{}, mixed_labels(3, 2), {4, 5, 1});
  ASSERT_FALSE(iid);
  EXPECT_EQ(iid.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(iid.error().message, HasSubstr("use fewer nodes or more samples"));
  // Two samples of one class cannot reach twenty nodes.
  bool met = false;
  for (std::uint32_t position = 0; position < 20; ++position) {
    const auto share = indices_for(Dirichlet{0.1}, std::vector<Label>{0, 0}, {position, 20, 1});
    if (share) continue;
    met = true;
    EXPECT_THAT(share.error().message, HasSubstr("larger alpha"));
  }
  EXPECT_TRUE(met);
}

TEST(IndicesForTest, RefusesASeatOutsideTheRun) {
  EXPECT_FALSE(indices_for(Iid{}, mixed_labels(30, 2), {5, 5, 1}));
  EXPECT_FALSE(indices_for(Iid{}, mixed_labels(30, 2), {0, 0, 1}));
}

TEST(IndicesForTest, SamplesWithoutClassesAreDealtAlike) {
  for (std::uint32_t position = 0; position < 3; ++position) {
    const Seat seat{position, 3, 9};
    const auto share = indices_for(Iid{}, std::uint64_t{50}, seat);
    ASSERT_TRUE(share) << share.error().message;
    EXPECT_EQ(*share, share_of(Iid{}, mixed_labels(50, 4), seat));
    const auto all = indices_for(AllSamples{}, std::uint64_t{50}, seat);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_EQ(all->size(), 50u);
  }
  EXPECT_FALSE(indices_for(Iid{}, std::uint64_t{50}, {3, 3, 9}));
  EXPECT_FALSE(indices_for(Iid{}, std::uint64_t{2}, {2, 3, 9})) << "an empty share";
}

TEST(IndicesForTest, SamplesWithoutClassesAreNotDealtByClass) {
  for (const Partition& partition : {Partition(LabelShards{1}), Partition(Dirichlet{1.0})}) {
    const auto share = indices_for(partition, std::uint64_t{50}, {0, 3, 9});
    ASSERT_FALSE(share);
    EXPECT_EQ(share.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(share.error().message,
                HasSubstr("partition " + to_string(partition) + " deals by class"));
    EXPECT_THAT(share.error().message, HasSubstr("must be iid or all"));
  }
}

TEST(IndicesForTest, AllGivesEverybodyEverything) {
  EXPECT_EQ(share_of(AllSamples{}, mixed_labels(3, 2), {1, 4, 7}),
            (std::vector<std::uint32_t>{0, 1, 2}));
}

TEST(SeededSubsetTest, DrawsDistinctIndicesBySeed) {
  const auto subset = seeded_subset(1000, 100, 1);
  EXPECT_EQ(subset.size(), 100u);
  EXPECT_EQ(std::set<std::uint32_t>(subset.begin(), subset.end()).size(), 100u);
  EXPECT_TRUE(std::is_sorted(subset.begin(), subset.end()));
  EXPECT_LT(subset.back(), 1000u);
  EXPECT_GT(subset.back(), 900u) << "a uniform draw reaches the end";
  EXPECT_EQ(subset, seeded_subset(1000, 100, 1));
  EXPECT_NE(subset, seeded_subset(1000, 100, 2));
}

TEST(SeededSubsetTest, ZeroOrTooManyMeansAll) {
  EXPECT_EQ(seeded_subset(3, 0, 1), (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(seeded_subset(3, 9, 1), (std::vector<std::uint32_t>{0, 1, 2}));
}

}  // namespace
}  // namespace skiptrain::data
