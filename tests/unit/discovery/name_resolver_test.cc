#include "discovery/name_resolver.h"

#include <atomic>
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/discovery/discovery_testing.h"

namespace skiptrain::discovery {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using Addresses = NameResolver::Addresses;

// The answer to one question.
class Answer {
 public:
  NameResolver::Done done() {
    return
        [promise = promise_](Result<Addresses> answer) { promise->set_value(std::move(answer)); };
  }
  Result<Addresses> get() {
    if (future_.wait_for(kPatience) != std::future_status::ready) {
      return fail(ErrorCode::kInternal, "never answered");
    }
    return future_.get();
  }

 private:
  const std::shared_ptr<std::promise<Result<Addresses>>> promise_ =
      std::make_shared<std::promise<Result<Addresses>>>();
  std::future<Result<Addresses>> future_ = promise_->get_future();
};

TEST(NameResolverTest, AsksTheSystem) {
  NameResolver resolver;
  Answer answer;
  resolver.resolve("localhost", kPatience, answer.done());
  const auto addresses = answer.get();
  ASSERT_TRUE(addresses) << addresses.error().message;
  EXPECT_THAT(*addresses, Contains("127.0.0.1"));
}

TEST(NameResolverTest, ThoseWhoAskForOneNameShareALookup) {
  auto calls = std::make_shared<std::atomic<int>>(0);
  auto gate = std::make_shared<std::promise<void>>();
  NameResolver resolver([calls, opened = gate->get_future().share()](const std::string&) {
    ++*calls;
    opened.wait();
    return Result<Addresses>(Addresses{"127.0.0.9"});
  });
  std::array<Answer, 5> answers;
  for (Answer& each : answers) resolver.resolve("node.lan", kPatience, each.done());
  gate->set_value();
  for (Answer& each : answers) EXPECT_EQ(each.get().value(), Addresses{"127.0.0.9"});
  EXPECT_EQ(*calls, 1);
}

TEST(NameResolverTest, ALookupThatHangsIsATimeout) {
  HangingLookup hanging;
  NameResolver resolver(hanging.function());
  Answer answer;
  resolver.resolve("node.lan", std::chrono::milliseconds(20), answer.done());
  const auto late = answer.get();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(late.error().message, HasSubstr("node.lan"));
  EXPECT_EQ(hanging.calls(), 1u);
}

TEST(NameResolverTest, HangingLookupsTakeNoMoreThanTheirThreads) {
  HangingLookup hanging;
  NameResolver resolver(hanging.function());
  std::vector<Answer> answers(kMaxPendingNames);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    resolver.resolve("node-" + std::to_string(i), kPatience, answers[i].done());
  }
  EXPECT_TRUE(eventually([&] { return hanging.calls() == kMaxRunningLookups; }));
  Answer one_more;
  resolver.resolve("one-more", kPatience, one_more.done());
  EXPECT_EQ(one_more.get().error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(hanging.calls(), kMaxRunningLookups);
  hanging.release();
  for (Answer& each : answers) EXPECT_EQ(each.get().error().code, ErrorCode::kNotFound);
  EXPECT_EQ(hanging.calls(), kMaxPendingNames);
}

TEST(NameResolverTest, StopsAtOnceWhileALookupHangs) {
  HangingLookup hanging;
  NameResolver resolver(hanging.function());
  Answer answer;
  resolver.resolve("node.lan", kPatience, answer.done());
  ASSERT_TRUE(eventually([&] { return hanging.calls() == 1; }));
  const auto before = std::chrono::steady_clock::now();
  resolver.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
  EXPECT_EQ(answer.get().error().code, ErrorCode::kUnavailable);
  Answer after;
  resolver.resolve("node.lan", kPatience, after.done());
  EXPECT_EQ(after.get().error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace skiptrain::discovery
