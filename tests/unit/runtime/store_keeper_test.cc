// The keeper of the durable state, alone and behind a driver, with a store in memory.
#include "runtime/store_keeper.h"

#include <atomic>
#include <ctime>
#include <thread>

#include <gtest/gtest.h>

#include "runtime/driver.h"
#include "tests/unit/runtime/fakes.h"

namespace skiptrain::runtime::testing {
namespace {

// What was asked of it, in order: "intent 3", "save 4 settled". Fails as told.
struct StoreLog {
  std::mutex mutex;
  std::vector<std::string> calls;
  std::optional<ErrorCode> fails;
  std::optional<Round> open;
  std::atomic<bool> hold_directives = false;

  std::vector<std::string> seen() {
    const std::lock_guard lock(mutex);
    return calls;
  }
  void fail_with(std::optional<ErrorCode> code) {
    const std::lock_guard lock(mutex);
    fails = code;
  }
  bool has(const std::string& call) {
    const auto all = seen();
    return std::ranges::find(all, call) != all.end();
  }
};

class FakeStore final : public ports::Store {
 public:
  explicit FakeStore(std::shared_ptr<StoreLog> log) : log_(std::move(log)) {}

  Status record_intent(Round round, WattHours) override {
    const std::lock_guard lock(log_->mutex);
    EXPECT_FALSE(log_->open) << "an intent is open already";
    if (Status noted = note("intent " + to_string(round)); !noted) return noted;
    log_->open = round;
    return {};
  }
  Result<ports::WrittenCheckpoint> save(const ports::Progress& progress) override {
    const std::lock_guard lock(log_->mutex);
    const std::string settled = progress.settlement ? " settled" : "";
    if (Status noted = note("save " + to_string(progress.state.round) + settled); !noted) {
      return tl::unexpected(noted.error());
    }
    if (progress.settlement) log_->open.reset();
    return ports::WrittenCheckpoint{progress.state.round, "file"};
  }
  Status save_evaluation(Round round, const ports::Evaluation&) override {
    const std::lock_guard lock(log_->mutex);
    return note("evaluation " + to_string(round));
  }
  Status save_directives(const std::vector<core::Directive>& all) override {
    while (log_->hold_directives) std::this_thread::sleep_for(1ms);
    const std::lock_guard lock(log_->mutex);
    return note("directives " + std::to_string(all.size()));
  }
  Status save_budget(std::optional<WattHours>) override {
    const std::lock_guard lock(log_->mutex);
    return note("budget");
  }
  Status raise_incarnation(Incarnation incarnation) override {
    const std::lock_guard lock(log_->mutex);
    return note("incarnation " + std::to_string(incarnation.value()));
  }
  Status close() override {
    const std::lock_guard lock(log_->mutex);
    return note("close");
  }

 private:
  Status note(const std::string& call) {
    if (log_->fails) return fail(*log_->fails, "told to fail at " + call);
    log_->calls.push_back(call);
    return {};
  }

  const std::shared_ptr<StoreLog> log_;
};

class StoreKeeperTest : public ::testing::Test {
 protected:
  std::unique_ptr<StoreKeeper> keeper(Duration interval) {
    return std::make_unique<StoreKeeper>(std::make_unique<FakeStore>(log),
                                         KeeperOptions{interval, 100}, std::nullopt,
                                         [this](const Error&) { ++fatal; });
  }
  static ModelUpdate state(std::uint64_t round) {
    return {Round(round), 0, copy_parameters(std::vector<float>{1.0f})};
  }
  static core::RoundRecord record(std::uint64_t round) {
    core::RoundRecord result;
    result.round = Round(round);
    return result;
  }

  const std::shared_ptr<StoreLog> log = std::make_shared<StoreLog>();
  std::atomic<int> fatal = 0;
};

TEST_F(StoreKeeperTest, CoalescesRoundsWithoutTrainingAndWritesTheLastAtTheEnd) {
  auto k = keeper(1h);
  k->begin(state(0));
  ASSERT_TRUE(eventually([&] { return log->has("save 0"); }));
  for (std::uint64_t round = 0; round < 50; ++round) k->commit(record(round), state(round + 1));
  k->stop();
  EXPECT_EQ(log->seen(), (std::vector<std::string>{"save 0", "save 50", "close"}));
}

TEST_F(StoreKeeperTest, AnIntentWaitsForTheCheckpointOfTheRoundBefore) {
  auto k = keeper(1h);
  k->begin(state(0));
  std::atomic<int> recorded = 0;
  for (std::uint64_t round = 0; round < 20; ++round) {
    k->record_intent(Round(round), WattHours(1), [&](const Status& s) { recorded += s ? 1 : 0; });
    ASSERT_TRUE(eventually([&] { return recorded == static_cast<int>(round) + 1; }));
    k->commit(record(round), state(round + 1));
  }
  k->stop();
  EXPECT_TRUE(log->has("save 20 settled"));
  EXPECT_EQ(log->seen().size(), 1u + 2 * 20 + 1) << "one save for each trained round";
}

TEST_F(StoreKeeperTest, AFullDiskRefusesIntentsAndIsTriedAgain) {
  auto k = keeper(1h);
  k->begin(state(0));
  ASSERT_TRUE(eventually([&] { return log->has("save 0"); }));
  log->fail_with(ErrorCode::kResourceExhausted);
  std::atomic<int> refused = 0;
  k->record_intent(Round(0), WattHours(1), [&](const Status& s) { refused += s ? 0 : 1; });
  ASSERT_TRUE(eventually([&] { return refused == 1; }));
  k->commit(record(0), state(1));
  EXPECT_NE(k->report().last_error, "");
  log->fail_with(std::nullopt);
  EXPECT_EQ(k->checkpoint().get()->round, Round(1));
  EXPECT_EQ(k->report().last_error, "");
  EXPECT_EQ(fatal, 0);
}

// With nothing left to write it must not ask the disk again and again.
TEST_F(StoreKeeperTest, AFullDiskDoesNotKeepTheProcessorBusy) {
  auto k = keeper(1h);
  k->begin(state(0));
  ASSERT_TRUE(eventually([&] { return log->has("save 0"); }));
  log->fail_with(ErrorCode::kResourceExhausted);
  std::atomic<int> refused = 0;
  k->record_intent(Round(0), WattHours(1), [&](const Status& s) { refused += s ? 0 : 1; });
  ASSERT_TRUE(eventually([&] { return refused == 1; }));
  std::this_thread::sleep_for(1100ms);  // past the time to try again
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(300ms);
  EXPECT_LT(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC, 0.1);
}

TEST_F(StoreKeeperTest, ADiskThatIsFullAtTheEndIsAnError) {
  auto k = keeper(1h);
  k->begin(state(0));
  ASSERT_TRUE(eventually([&] { return log->has("save 0"); }));
  k->commit(record(0), state(1));
  log->fail_with(ErrorCode::kResourceExhausted);
  k->stop();
  EXPECT_EQ(fatal, 1);
}

TEST_F(StoreKeeperTest, AnyOtherErrorIsFinal) {
  auto k = keeper(1h);
  k->begin(state(0));
  ASSERT_TRUE(eventually([&] { return log->has("save 0"); }));
  log->fail_with(ErrorCode::kUnavailable);
  k->save_budget(WattHours(3));
  ASSERT_TRUE(eventually([&] { return fatal == 1; }));
  log->fail_with(std::nullopt);
  EXPECT_FALSE(k->checkpoint().get()) << "a failed fsync was tried again";
  k->stop();
  EXPECT_EQ(log->seen(), std::vector<std::string>{"save 0"});
  EXPECT_EQ(fatal, 1);
}

// A driver of a node whose train rounds cost 2 Wh.
struct Rig {
  explicit Rig(core::NodeOptions options, const std::shared_ptr<StoreLog>& log) {
    options.id = NodeId(1);
    options.energy_per_train_round = WattHours(2);
    driver = std::make_unique<Driver>(DriverOptions{std::move(options), 1000, 7});
    auto owned = std::make_unique<FakeTrainer>(8);
    trainer = owned.get();
    machinery.ready = {Round(0), trainer->initial_parameters(), std::nullopt};
    machinery.trainer = std::move(owned);
    auto owned_transport = std::make_unique<FakeTransport>();
    transport = owned_transport.get();
    machinery.transport = std::move(owned_transport);
    machinery.durable.store = std::make_unique<FakeStore>(log);
    driver->start();
  }
  core::Phase phase() {
    return driver->inspect([](const core::Node& node) { return node.phase(); });
  }
  WattHours spent() {
    return driver->inspect([](const core::Node& node) { return node.energy().spent(); });
  }

  FakeTrainer* trainer = nullptr;
  FakeTransport* transport = nullptr;
  Machinery machinery;
  std::unique_ptr<Driver> driver;
};

core::NodeOptions rounds(std::uint64_t count) {
  core::NodeOptions options;
  options.total_rounds = count;
  options.schedule = {core::Policy::kDpsgd, 1, 0};
  return options;
}

TEST(DurableDriverTest, NoRoundIsTrainedBeforeItsIntentIsDurable) {
  const auto log = std::make_shared<StoreLog>();
  Rig rig(rounds(3), log);
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return rig.phase() == core::Phase::kFinished; }));
  rig.driver->stop();
  EXPECT_EQ(log->seen()[0], "save 0");
  for (const char* call :
       {"intent 0", "save 1 settled", "intent 1", "save 2 settled", "intent 2", "save 3 settled"}) {
    EXPECT_TRUE(log->has(call)) << call;
  }
  EXPECT_EQ(log->seen().back(), "close");
}

TEST(DurableDriverTest, WithAFullDiskItDoesNotTrainAndSpendsNothing) {
  const auto log = std::make_shared<StoreLog>();
  log->fail_with(ErrorCode::kResourceExhausted);
  Rig rig(rounds(3), log);
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return rig.phase() == core::Phase::kFinished; }));
  EXPECT_EQ(rig.trainer->calls, 0);
  EXPECT_EQ(rig.spent(), WattHours(0));
  EXPECT_NE(rig.driver->store_report()->last_error, "");
}

TEST(DurableDriverTest, GoesOnWhereItWasAndLeavesForfeitedRoundsUntrained) {
  const auto log = std::make_shared<StoreLog>();
  core::NodeOptions options = rounds(6);
  options.energy_spent = WattHours(8);
  options.train_rounds = 3;
  options.forfeited = {Round(3)};
  Rig rig(std::move(options), log);
  rig.machinery.ready.round = Round(3);
  rig.machinery.durable.resumed_from = {Round(3), "file"};
  ports::StoredRound stored;
  stored.record.round = Round(2);
  rig.machinery.durable.rounds = {stored};
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  EXPECT_GE(rig.driver->store_report()->round, Round(3));  // it goes on at once
  ASSERT_TRUE(eventually([&] { return rig.phase() == core::Phase::kFinished; }));
  EXPECT_EQ(rig.trainer->calls, 2);
  EXPECT_EQ(rig.spent(), WattHours(12));
  EXPECT_FALSE(log->has("intent 3"));
  EXPECT_EQ(rig.driver->history().newest(0).front().record.round, Round(2));
  EXPECT_EQ(rig.driver->inspect([](const core::Node& node) { return node.train_rounds(); }), 5u);
}

// A slow disk: what this node ordered, and all that it says after, waits for it; the news of others
// do not.
TEST(DurableDriverTest, AnOwnDirectiveTravelsWhenItIsDurableAndAheadOfTheNextUpdate) {
  const auto log = std::make_shared<StoreLog>();
  core::NodeOptions options = rounds(100);
  options.schedule = {core::Policy::kSkipTrain, 1, 99};  // training would wait for the disk
  options.neighbours = {NodeId(2), NodeId(3)};
  Rig rig(std::move(options), log);
  FakeTransport& transport = *rig.transport;
  const auto updates = [&] {
    const std::lock_guard lock(transport.mutex);
    return transport.sent.size();
  };
  const auto directives = [&] {
    const std::lock_guard lock(transport.mutex);
    return transport.directives_sent.size();
  };
  const auto play_round = [&](std::uint64_t round) {
    for (const NodeId peer : {NodeId(2), NodeId(3)}) {
      transport.deliver(core::UpdateReceived{
          peer, {Round(round), 2, copy_parameters(std::vector<float>(8, 1.0f))}});
    }
    return eventually([&] {
      return rig.driver->inspect(
          [&](const core::Node& n) { return n.round() == Round(round + 1); });
    });
  };
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  for (const NodeId peer : {NodeId(2), NodeId(3)}) {
    transport.deliver(core::PeerConnected{peer, Incarnation(1), {Round(0)}});
  }
  ASSERT_TRUE(eventually([&] { return updates() == 1; }));
  ASSERT_TRUE(play_round(0));
  ASSERT_TRUE(eventually([&] { return updates() == 2; }));

  log->hold_directives = true;
  const core::Directive theirs{{1, NodeId(2)}, Round(50), core::LearningRate{0.5}};
  transport.deliver(core::DirectivesReceived{NodeId(2), {theirs}});
  EXPECT_TRUE(eventually([&] { return directives() == 1; })) << "those of others go on at once";
  rig.driver->post(core::DirectiveIssued{core::LearningRate{0.25}, Round(60)});
  ASSERT_TRUE(play_round(1));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(directives(), 1u);
  EXPECT_EQ(updates(), 2u) << "that of round 2 waits";

  std::atomic<std::size_t> directives_before_update = 0;
  transport.on_send = [&](const ModelUpdate&) { directives_before_update = directives(); };
  log->hold_directives = false;
  EXPECT_TRUE(eventually([&] { return updates() == 3; }));
  EXPECT_EQ(directives(), 2u);
  EXPECT_TRUE(eventually([&] { return directives_before_update == 2; }));
}

TEST(DurableDriverTest, ABudgetSetWhileItRunsIsKept) {
  const auto log = std::make_shared<StoreLog>();
  Rig rig(rounds(1), log);
  rig.driver->post(core::BudgetRequested{WattHours(5)});  // before there is a store
  ASSERT_TRUE(rig.driver->attach(std::move(rig.machinery)));
  ASSERT_TRUE(eventually([&] { return log->has("budget"); }));
}

}  // namespace
}  // namespace skiptrain::runtime::testing
