#include "data/load_options.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// 100 samples: 70 of class 0, 20 of class 1, 10 of class 2, mixed up.
std::vector<Label> skewed() {
  std::vector<Label> labels;
  for (int i = 0; i < 100; ++i) {
    labels.push_back(static_cast<Label>(i % 10 < 7 ? 0 : i % 10 < 9 ? 1 : 2));
  }
  return labels;
}

TEST(HeldOutRowsTest, TakesOfEachClassItsPart) {
  const std::vector<Label> labels = skewed();
  const auto rows = held_out_rows(labels, 0.2, 5);
  ASSERT_EQ(rows.size(), 20u);
  EXPECT_TRUE(std::ranges::is_sorted(rows));
  std::vector<int> of_class(3);
  for (const std::uint32_t row : rows) ++of_class[labels[row]];
  EXPECT_THAT(of_class, ElementsAre(14, 4, 2));
}

TEST(HeldOutRowsTest, FollowsFromTheSeedAlone) {
  const std::vector<Label> labels = skewed();
  EXPECT_EQ(held_out_rows(labels, 0.2, 5), held_out_rows(labels, 0.2, 5));
  EXPECT_THAT(held_out_rows(labels, 0.2, 6), Not(held_out_rows(labels, 0.2, 5)));
  const auto rows = held_out_rows(labels, 0.1, 5);
  EXPECT_FALSE(std::ranges::all_of(rows, [&](std::uint32_t row) {
    return row % 10 == rows[0] % 10;
  })) << "drawn, not every tenth";
}

TEST(HeldOutTest, NoShareHasWhatIsHeldOut) {
  const std::vector<Label> labels = skewed();
  const LoadOptions test{.seat = {.seed = 3}, .held_out = 0.1, .wants_held_out = true};
  const auto held_out = chosen_rows(labels, test);
  ASSERT_TRUE(held_out) << held_out.error().message;
  EXPECT_EQ(held_out->size(), 10u);
  std::multiset<std::uint32_t> seen(held_out->begin(), held_out->end());
  for (std::uint32_t position = 0; position < 4; ++position) {
    const auto share = chosen_rows(
        labels, {.partition = LabelShards{2}, .seat = {position, 4, 3}, .held_out = 0.1});
    ASSERT_TRUE(share) << share.error().message;
    EXPECT_TRUE(std::ranges::is_sorted(*share));
    seen.insert(share->begin(), share->end());
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(std::set<std::uint32_t>(seen.begin(), seen.end()).size(), 100u);
}

TEST(HeldOutTest, TheLimitIsOfTheRest) {
  const std::vector<Label> labels = skewed();
  const auto held_out = held_out_rows(labels, 0.5, 0);
  const auto train = chosen_rows(labels, {.limit = 7, .held_out = 0.5});
  ASSERT_TRUE(train) << train.error().message;
  EXPECT_EQ(train->size(), 7u);
  for (const std::uint32_t row : *train) EXPECT_FALSE(std::ranges::count(held_out, row));
  const auto test = chosen_rows(labels, {.limit = 7, .held_out = 0.5, .wants_held_out = true});
  EXPECT_EQ(test->size(), 50u);
}

TEST(HeldOutTest, OfSamplesWithoutClassesAnyMayBe) {
  constexpr std::uint64_t kRows = 100;
  const auto held_out =
      chosen_rows(kRows, {.seat = {.seed = 3}, .held_out = 0.1, .wants_held_out = true});
  ASSERT_TRUE(held_out) << held_out.error().message;
  EXPECT_EQ(held_out->size(), 10u);
  EXPECT_EQ(*held_out, held_out_rows(kRows, 0.1, 3));
  EXPECT_THAT(*held_out, Not(held_out_rows(kRows, 0.1, 4)));
  std::multiset<std::uint32_t> seen(held_out->begin(), held_out->end());
  for (std::uint32_t position = 0; position < 4; ++position) {
    const auto share =
        chosen_rows(kRows, {.partition = Iid{}, .seat = {position, 4, 3}, .held_out = 0.1});
    ASSERT_TRUE(share) << share.error().message;
    EXPECT_TRUE(std::ranges::is_sorted(*share));
    seen.insert(share->begin(), share->end());
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(std::set<std::uint32_t>(seen.begin(), seen.end()).size(), 100u);
  const auto few = chosen_rows(kRows, {.limit = 7, .held_out = 0.5});
  ASSERT_TRUE(few) << few.error().message;
  EXPECT_EQ(few->size(), 7u);
  EXPECT_FALSE(chosen_rows(std::uint64_t{5}, {.held_out = 0.1})) << "none to test on";
  const auto by_user = chosen_rows(kRows, {.partition = Users{}, .held_out = 0.1});
  ASSERT_FALSE(by_user);
  EXPECT_THAT(by_user.error().message, HasSubstr("do not say who made which sample"));
}

TEST(HeldOutTest, RefusesToLeaveNothing) {
  const std::vector<Label> labels(5);
  const auto none = chosen_rows(labels, {.held_out = 0.1});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("of 5 samples leaves none to test on"));
  const auto all = chosen_rows(std::vector<Label>(), {.held_out = 0.5});
  EXPECT_FALSE(all);
}

TEST(ChosenRowsTest, UsersAreHeldOutAndDealtTogetherWithTheirRows) {
  const std::vector<Label> labels(40);
  std::vector<std::uint32_t> users;
  for (std::uint32_t i = 0; i < 40; ++i) users.push_back(i / 10);
  const LoadOptions options{.partition = Users{}, .seat = {0, 4, 1}, .held_out = 0.25};
  const auto share = chosen_rows(labels, options, users);
  ASSERT_TRUE(share) << share.error().message;
  const auto held_out = held_out_rows(labels, 0.25, 1);
  const std::uint32_t user = users[share->front()];
  std::size_t expected = 0;
  for (std::uint32_t row = 0; row < 40; ++row) {
    expected += users[row] == user && !std::ranges::count(held_out, row);
  }
  EXPECT_EQ(share->size(), expected);
  for (const std::uint32_t row : *share) EXPECT_EQ(users[row], user);
  const auto nobody = chosen_rows(labels, options);
  ASSERT_FALSE(nobody);
  EXPECT_THAT(nobody.error().message, HasSubstr("do not say who made which sample"));
}

TEST(ChosenRowsTest, AChooserIsAskedAlone) {
  LoadOptions options{.limit = 1, .held_out = 0.5};
  options.choose = [](const RowFacts& rows) -> Result<std::vector<std::uint32_t>> {
    return std::vector<std::uint32_t>{static_cast<std::uint32_t>(rows.count - 1)};
  };
  EXPECT_THAT(*chosen_rows(std::vector<Label>(9), options), ElementsAre(8));
  EXPECT_THAT(*chosen_rows(std::uint64_t{7}, options), ElementsAre(6)) << "without classes";
}

}  // namespace
}  // namespace skiptrain::data
