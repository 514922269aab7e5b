// What is said waits for what was said before.
#include "runtime/outbox.h"

#include <gtest/gtest.h>

#include "tests/unit/runtime/fakes.h"

namespace skiptrain::runtime::testing {
namespace {

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() {
    outbox_.set_transport(transport_);
    transport_->on_send = [this](const ModelUpdate& update) {
      said_.push_back("update " + to_string(update.round));
      directives_before_ = transport_->directives_sent.size();
    };
  }
  static SendPublished update(std::uint64_t round) {
    return {{NodeId(2)}, ModelUpdate{Round(round), 1, copy_parameters(std::vector<float>{1.0f})}};
  }

  const std::shared_ptr<FakeTransport> transport_ = std::make_shared<FakeTransport>();
  Outbox outbox_;
  std::vector<std::string> said_;
  std::size_t directives_before_ = 0;
};

TEST_F(OutboxTest, WithoutAHoldEverythingGoesAtOnce) {
  outbox_.send(update(3));
  EXPECT_EQ(said_, std::vector<std::string>{"update 3"});
}

TEST_F(OutboxTest, UpdatesWaitBehindADirectiveThatIsHeld) {
  outbox_.hold();
  outbox_.send(core::SendDirectives{{NodeId(2)}, {{}}});
  outbox_.send(update(3));
  outbox_.send(update(4));
  EXPECT_TRUE(said_.empty());
  EXPECT_TRUE(transport_->directives_sent.empty());
  outbox_.release();
  EXPECT_EQ(said_, (std::vector<std::string>{"update 3", "update 4"}));
  EXPECT_EQ(directives_before_, 1u) << "it was sent first";
}

TEST_F(OutboxTest, AllHoldsMustBeReleased) {
  outbox_.hold();
  outbox_.hold();
  outbox_.send(update(3));
  outbox_.release();
  EXPECT_TRUE(said_.empty());
  outbox_.release();
  EXPECT_EQ(said_.size(), 1u);
}

}  // namespace
}  // namespace skiptrain::runtime::testing
