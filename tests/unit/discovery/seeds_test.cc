#include "discovery/seeds.h"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/discovery/discovery_testing.h"

namespace skiptrain::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<SeedAddresses> resolve(Seeds& seeds, Duration timeout = kPatience) {
  const auto promise = std::make_shared<std::promise<std::vector<SeedAddresses>>>();
  seeds.resolve(timeout,
                [promise](std::vector<SeedAddresses> all) { promise->set_value(std::move(all)); });
  auto future = promise->get_future();
  if (future.wait_for(kPatience) != std::future_status::ready) {
    ADD_FAILURE() << "never answered";
    return {};
  }
  return future.get();
}

TEST(SeedsTest, KeepsTheOrderAndAllAddressesOfAName) {
  Seeds seeds({"10.0.0.3:7400", "seeds.lan:7401", "[::1]:7402"}, [](const std::string& host) {
    EXPECT_EQ(host, "seeds.lan");
    return Result<NameResolver::Addresses>(NameResolver::Addresses{"10.0.0.4", "fd00::4"});
  });
  const auto all = resolve(seeds);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].entry, "seeds.lan:7401");
  EXPECT_THAT(all[0].addresses, ElementsAre("10.0.0.3:7400"));
  EXPECT_THAT(all[1].addresses, ElementsAre("10.0.0.4:7401", "[fd00::4]:7401"));
  EXPECT_THAT(all[2].addresses, ElementsAre("[::1]:7402"));
}

TEST(SeedsTest, ANameThatFailsDoesNotHideTheOthers) {
  HangingLookup hanging;
  Seeds seeds({"dead.lan:7400", "gone.lan:1", "alive.lan:7400"}, [hang = hanging.function()](
                                                                     const std::string& host) {
    if (host == "alive.lan") {
      return Result<NameResolver::Addresses>(NameResolver::Addresses{"10.0.0.4"});
    }
    if (host == "dead.lan") return hang(host);
    return Result<NameResolver::Addresses>(fail(ErrorCode::kNotFound, "name gone.lan: unknown"));
  });
  const auto all = resolve(seeds, std::chrono::milliseconds(500));
  ASSERT_EQ(all.size(), 3u);
  ASSERT_TRUE(all[0].error && all[1].error);
  EXPECT_EQ(all[0].error->code, ErrorCode::kTimeout);
  EXPECT_EQ(all[1].error->message, "name gone.lan: unknown");
  EXPECT_FALSE(all[2].error);
  EXPECT_THAT(all[2].addresses, ElementsAre("10.0.0.4:7400"));
}

TEST(SeedsTest, LooksUpAnewEachTime) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  Seeds seeds({"seeds.lan:1"}, [calls](const std::string&) {
    return Result<NameResolver::Addresses>(
        NameResolver::Addresses{"10.0.0." + std::to_string(++*calls)});
  });
  EXPECT_THAT(resolve(seeds)[0].addresses, ElementsAre("10.0.0.1:1"));
  EXPECT_THAT(resolve(seeds)[0].addresses, ElementsAre("10.0.0.2:1"));
}

TEST(SeedsTest, TakesABoundedNumberOfAddresses) {
  Seeds seeds({"seeds.lan:1"}, [](const std::string&) {
    NameResolver::Addresses many;
    for (int i = 0; i < 200; ++i) many.push_back("10.0.0." + std::to_string(i));
    return Result<NameResolver::Addresses>(many);
  });
  EXPECT_EQ(resolve(seeds)[0].addresses.size(), kMaxAddressesPerSeed);
}

TEST(SeedsTest, StoppingAnswersWhatIsUnderWay) {
  HangingLookup hanging;
  Seeds seeds({"dead.lan:7400"}, hanging.function());
  std::promise<std::vector<SeedAddresses>> promise;
  seeds.resolve(kPatience,
                [&](std::vector<SeedAddresses> all) { promise.set_value(std::move(all)); });
  seeds.stop();
  auto future = promise.get_future();
  ASSERT_EQ(future.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  EXPECT_EQ(future.get()[0].error->code, ErrorCode::kUnavailable);
}

TEST(SeedsTest, CheckNamesTheEntryThatIsWrong) {
  EXPECT_TRUE(Seeds::check({}));
  EXPECT_TRUE(Seeds::check({"seeds.lan:7400", "[::1]:1"}));
  for (const char* wrong : {"seeds.lan", "seeds.lan:0", ":7400", "seeds.lan:99999"}) {
    const Status status = Seeds::check({"10.0.0.1:1", wrong});
    ASSERT_FALSE(status) << wrong;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(status.error().message, HasSubstr(wrong));
  }
  EXPECT_FALSE(Seeds::check(std::vector<std::string>(kMaxSeeds + 1, "10.0.0.1:1")));
}

}  // namespace
}  // namespace skiptrain::discovery
