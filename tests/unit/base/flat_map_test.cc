#include "base/flat_map.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace skiptrain {
namespace {

TEST(FlatMapTest, WalksInOrderOfKeys) {
  FlatMap<int, std::string> map;
  map.emplace(5, "five");
  map.emplace(1, "one");
  map.emplace(3, "three");
  std::vector<int> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector{1, 3, 5}));
  EXPECT_EQ(map.at(3), "three");
}

TEST(FlatMapTest, AnEntryThatIsThereStays) {
  FlatMap<int, std::string> map;
  EXPECT_TRUE(map.emplace(1, "first").second);
  const auto [place, fresh] = map.emplace(1, "second");
  EXPECT_FALSE(fresh);
  EXPECT_EQ(place->second, "first");
  EXPECT_EQ(map.size(), 1u);
}

TEST(FlatMapTest, DoesWhatAStdMapDoes) {
  FlatMap<std::uint64_t, std::uint64_t> map;
  std::map<std::uint64_t, std::uint64_t> reference;
  Rng rng(7);
  for (int step = 0; step < 2000; ++step) {
    const std::uint64_t key = rng.below(20);
    if (rng.below(3) == 0) {
      if (const auto found = map.find(key); found != map.end()) map.erase(found);
      reference.erase(key);
    } else {
      map.emplace(key, key + 1);
      reference.emplace(key, key + 1);
    }
    ASSERT_EQ(map.contains(key), reference.contains(key));
    ASSERT_EQ(map.size(), reference.size());
  }
  auto expected = reference.begin();
  for (const auto& [key, value] : map) {
    EXPECT_EQ(key, expected->first);
    EXPECT_EQ(value, expected->second);
    ++expected;
  }
}

}  // namespace
}  // namespace skiptrain
