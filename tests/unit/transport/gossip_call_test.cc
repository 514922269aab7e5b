// Gossip calls between transports, and with a client of generated code.
#include <future>
#include <thread>

#include <gmock/gmock.h>

#include "tests/unit/transport/transport_testing.h"

namespace skiptrain::transport {
namespace {

using ports::GossipCall;
using testing::config_of;
using testing::eventually;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::RawPeer;
using testing::TestNode;

constexpr Duration kTimeout = std::chrono::seconds(10);

// Answers come here; a second to the same question is a failure.
class Question {
 public:
  GossipCall::Done done() {
    return [this](Result<std::string> answer) {
      EXPECT_EQ(++times_, 1);
      promise_.set_value(std::move(answer));
    };
  }
  bool answered() { return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  Result<std::string> answer() {
    if (future_.wait_for(kPatience) != std::future_status::ready) {
      return fail(ErrorCode::kInternal, "no answer came");
    }
    return future_.get();
  }

 private:
  std::atomic<int> times_ = 0;
  std::promise<Result<std::string>> promise_;
  std::future<Result<std::string>> future_ = promise_.get_future();
};

// Replies are kept until the test gives them.
class Desk {
 public:
  GossipCall::Handler handler() {
    return [this](std::string envelope, GossipCall::Reply reply) {
      const std::lock_guard lock(mutex_);
      kept_.emplace_back(std::move(envelope), std::move(reply));
    };
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return kept_.size();
  }
  std::pair<std::string, GossipCall::Reply> take() {
    EXPECT_TRUE(eventually([&] { return size() > 0; }));
    const std::lock_guard lock(mutex_);
    auto first = std::move(kept_.front());
    kept_.erase(kept_.begin());
    return first;
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<std::string, GossipCall::Reply>> kept_;
};

GossipCall::Handler echo() {
  return [](std::string envelope, const GossipCall::Reply& reply) { reply("re: " + envelope); };
}

class GossipCallTest : public ::testing::Test {
 protected:
  // No neighbours of each other.
  GossipCallTest() : a_(config_of(1, {})), b_(config_of(2, {})) {}

  Result<std::string> ask(const std::string& envelope, Duration timeout = kTimeout) {
    Question question;
    a_.transport().call_gossip(b_.address(), envelope, timeout, question.done());
    return question.answer();
  }

  Desk desk_;
  TestNode a_, b_;
};

TEST_F(GossipCallTest, BringsTheAnswerOfANodeThatIsNoNeighbour) {
  b_.transport().set_gossip_handler(echo());
  const std::string bytes("bytes\0\xff", 7);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(ask(bytes), "re: " + bytes);
  EXPECT_EQ(ask(""), "re: ");
}

TEST_F(GossipCallTest, AReplyMayComeLaterFromAnotherThread) {
  b_.transport().set_gossip_handler(desk_.handler());
  Question question;
  a_.transport().call_gossip(b_.address(), "who", kTimeout, question.done());
  auto [envelope, reply] = desk_.take();
  EXPECT_EQ(envelope, "who");
  EXPECT_FALSE(question.answered());
  std::thread([&reply = reply] { reply("we"); }).join();
  EXPECT_EQ(question.answer(), "we");
  reply("again");  // does nothing
}

TEST_F(GossipCallTest, WithoutAHandlerItIsUnavailable) {
  const auto answer = ask("x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().message, HasSubstr("nobody handles gossip"));
  b_.transport().set_gossip_handler(echo());
  EXPECT_TRUE(ask("x"));
}

TEST_F(GossipCallTest, RefusalsAreToldFromFailures) {
  b_.transport().set_gossip_handler([](std::string envelope, const GossipCall::Reply& reply) {
    if (envelope == "drop") return;
    reply(fail(envelope == "busy" ? ErrorCode::kUnavailable : ErrorCode::kMismatch, "because"));
  });
  EXPECT_EQ(ask("busy").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(ask("other").error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(ask("other").error().message, HasSubstr("because"));
  EXPECT_EQ(ask("drop").error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(ask("drop").error().message, HasSubstr("gave no answer"));
}

TEST_F(GossipCallTest, NobodyThereIsUnavailableAndALateAnswerATimeout) {
  Question nobody;
  a_.transport().call_gossip("127.0.0.1:1", "x", kTimeout, nobody.done());
  EXPECT_EQ(nobody.answer().error().code, ErrorCode::kUnavailable);
  b_.transport().set_gossip_handler(desk_.handler());
  EXPECT_EQ(ask("x", std::chrono::milliseconds(50)).error().code, ErrorCode::kTimeout);
  auto [envelope, reply] = desk_.take();
  reply("too late");
}

TEST_F(GossipCallTest, ANodeThatComesBackIsReachedAgain) {
  b_.transport().set_gossip_handler(echo());
  auto c = std::make_unique<TestNode>(config_of(3, {}));
  c->transport().set_gossip_handler(echo());
  const std::string address = c->address();
  const auto ask_c = [&] {
    Question question;
    a_.transport().call_gossip(address, "x", kTimeout, question.done());
    return question.answer();
  };
  ASSERT_TRUE(ask_c());
  c.reset();
  EXPECT_EQ(ask_c().error().code, ErrorCode::kUnavailable);
  auto config = config_of(3, {});
  config.listen = address;
  TestNode again(config);
  again.transport().set_gossip_handler(echo());
  const auto answer = ask_c();
  EXPECT_TRUE(answer) << answer.error().message << ": the very next call takes a new connection";
}

TEST_F(GossipCallTest, EnvelopesUpToTheLimitPassBothWaysAndLargerOnesDoNot) {
  b_.transport().set_gossip_handler([](std::string envelope, const GossipCall::Reply& reply) {
    if (envelope == "large") envelope.assign(wire::kMaxGossipBytes + 1, 'x');
    reply(std::move(envelope));
  });
  const std::string largest(wire::kMaxGossipBytes, 'm');
  EXPECT_TRUE(ask(largest) == largest);
  const auto larger = ask(largest + "m");
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(larger.error().message, HasSubstr("at most 4194304"));
  EXPECT_THAT(ask("large").error().message, HasSubstr("an answer of 4194305 bytes"));
}

TEST_F(GossipCallTest, CallsAtATimeAreBounded) {
  b_.transport().set_gossip_handler(desk_.handler());
  std::vector<std::unique_ptr<Question>> questions;
  for (std::size_t i = 0; i <= kMaxGossipCallsPerAddress; ++i) {
    questions.push_back(std::make_unique<Question>());
    a_.transport().call_gossip(b_.address(), "x", kTimeout, questions.back()->done());
  }
  ASSERT_TRUE(questions.back()->answered()) << "at once";
  const auto refused = questions.back()->answer();
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("more than 4 calls to it"));
  for (std::size_t i = 0; i < kMaxGossipCallsPerAddress; ++i) {
    desk_.take().second("y");
  }
  for (std::size_t i = 0; i < kMaxGossipCallsPerAddress; ++i) {
    EXPECT_EQ(questions[i]->answer(), "y");
  }
  EXPECT_TRUE(eventually([&] {
    b_.transport().set_gossip_handler(echo());
    return ask("x").has_value();
  }));
}

TEST_F(GossipCallTest, AServerTakesABoundedNumberFromAllCallers) {
  b_.transport().set_gossip_handler(desk_.handler());
  std::vector<std::unique_ptr<TestNode>> callers;
  std::vector<std::unique_ptr<Question>> questions;
  for (std::uint64_t id = 10; questions.size() < kMaxGossipAnswers; ++id) {
    callers.push_back(std::make_unique<TestNode>(config_of(id, {})));
    for (std::size_t i = 0; i < kMaxGossipCallsPerAddress; ++i) {
      questions.push_back(std::make_unique<Question>());
      callers.back()->transport().call_gossip(b_.address(), "x", kTimeout,
                                              questions.back()->done());
    }
  }
  ASSERT_TRUE(eventually([&] { return desk_.size() == kMaxGossipAnswers; }));
  const auto one_more = ask("x");
  EXPECT_EQ(one_more.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(one_more.error().message, HasSubstr("more than 32 gossip calls"));
  for (std::size_t i = 0; i < kMaxGossipAnswers; ++i) desk_.take().second("y");
  for (const auto& question : questions) EXPECT_EQ(question->answer(), "y");
}

TEST_F(GossipCallTest, StoppingAnswersWhatIsPendingOnBothSides) {
  for (const bool caller_stops : {true, false}) {
    TestNode caller(config_of(11, {})), server(config_of(12, {}));
    Desk desk;
    server.transport().set_gossip_handler(desk.handler());
    std::vector<std::unique_ptr<Question>> questions;
    for (int i = 0; i < 3; ++i) {
      questions.push_back(std::make_unique<Question>());
      caller.transport().call_gossip(server.address(), "x", kTimeout, questions.back()->done());
    }
    ASSERT_TRUE(eventually([&] { return desk.size() == 3; }));
    const auto begin = std::chrono::steady_clock::now();
    (caller_stops ? caller : server).transport().stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
    for (const auto& question : questions) {
      EXPECT_TRUE(question->answered() || !caller_stops) << "before stop() returned";
      EXPECT_EQ(question->answer().error().code, ErrorCode::kUnavailable);
    }
    for (int i = 0; i < 3; ++i) desk.take().second("late");
    Question after;
    caller.transport().stop();
    caller.transport().call_gossip(server.address(), "x", kTimeout, after.done());
    EXPECT_TRUE(after.answered());
  }
}

TEST_F(GossipCallTest, ManyAddressesTakeTurnsWithTheConnections) {
  std::vector<std::unique_ptr<TestNode>> servers;
  for (std::uint64_t id = 10; id < 10 + kMaxGossipChannels + 4; ++id) {
    servers.push_back(std::make_unique<TestNode>(config_of(id, {})));
    servers.back()->transport().set_gossip_handler(echo());
    Question question;
    a_.transport().call_gossip(servers.back()->address(), "x", kTimeout, question.done());
    EXPECT_TRUE(question.answer());
  }
  Question first;
  a_.transport().call_gossip(servers.front()->address(), "x", kTimeout, first.done());
  EXPECT_TRUE(first.answer()) << "its connection was the oldest and is made again";
}

TEST_F(GossipCallTest, AnOrdinaryClientIsAnswered) {
  b_.transport().set_gossip_handler(echo());
  RawPeer peer(b_.address());
  v1::SealedGossip request, response;
  request.set_envelope("list");
  {
    grpc::ClientContext context;
    const auto status = peer.stub().Gossip(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.envelope(), "re: list");
  }
  request.set_envelope(std::string(wire::kMaxGossipBytes + wire::kGossipSlackBytes, 'x'));
  grpc::ClientContext context;
  EXPECT_EQ(peer.stub().Gossip(&context, request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace skiptrain::transport
