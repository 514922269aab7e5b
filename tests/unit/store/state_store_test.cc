// What opening a state refuses, with what advice; what a life leaves for the next; damage.
#include "store/state_store.h"

#include <cerrno>
#include <optional>
#include <random>

#include <gtest/gtest.h>

#include "store/database.h"
#include "tests/unit/store/crash_script.h"
#include "tests/unit/store/fault_disk.h"

namespace skiptrain::store::testing {
namespace {

constexpr const char* kDatabase = "/state/node.db";

ports::Progress progress_of(Round round) {
  ports::Progress progress;
  progress.state = {round, 2, crash_model(round)};
  ports::StoredRound stored;
  if (round > Round(0)) {
    stored.record.round = Round(round.value() - 1);
    progress.rounds = {stored};
  }
  return progress;
}

std::unique_ptr<StateStore> opened(FaultDisk& disk) {
  auto store = StateStore::open(disk, crash_options());
  EXPECT_TRUE(store) << store.error().message;
  return store ? std::move(*store) : nullptr;
}

// A run with checkpoints of these rounds, closed in order.
void leave_run(FaultDisk& disk, const std::vector<Round>& rounds) {
  auto store = opened(disk);
  ASSERT_TRUE(store->open_run(crash_run()));
  ASSERT_TRUE(store->load_model(crash_layout()));
  for (const Round round : rounds) ASSERT_TRUE(store->save(progress_of(round)));
  ASSERT_TRUE(store->close());
}

std::vector<std::string> checkpoints(FaultDisk& disk) {
  std::vector<std::string> result;
  const auto names = disk.list(kFolder);
  for (const std::string& name : *names) {
    if (name.starts_with("checkpoint-")) result.push_back(std::string(kFolder) + "/" + name);
  }
  return result;
}

void expect_refused(FaultDisk& disk, const StoreOptions& options, ErrorCode code,
                    const std::string& words) {
  const auto store = StateStore::open(disk, options);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, code);
  EXPECT_NE(store.error().message.find(words), std::string::npos) << store.error().message;
}

TEST(StateStoreTest, AnEvaluationKeepsItsLossAndTheAccuracyIfItHasOne) {
  FaultDisk disk;
  leave_run(disk, {Round(0), Round(1), Round(2)});
  {
    auto store = opened(disk);
    ASSERT_TRUE(store->open_run(crash_run()));
    ASSERT_TRUE(store->load_model(crash_layout()));
    ports::Evaluation of_classes{0.5, 0.75, 10, Duration(7)};
    ASSERT_TRUE(store->save_evaluation(Round(0), of_classes));
    ports::Evaluation of_numbers{0.25, std::nullopt, 20, Duration(8)};
    of_numbers.mean_absolute_error = 0.125;
    ASSERT_TRUE(store->save_evaluation(Round(1), of_numbers));
    ASSERT_TRUE(store->close());
  }
  auto store = opened(disk);
  ASSERT_TRUE(store->open_run(crash_run()));
  const auto recovered = store->load_model(crash_layout());
  ASSERT_TRUE(recovered && *recovered);
  const auto& rounds = (*recovered)->rounds;
  ASSERT_EQ(rounds.size(), 2u);
  ASSERT_TRUE(rounds[0].evaluation && rounds[1].evaluation);
  EXPECT_EQ(rounds[0].evaluation->accuracy, 0.75);
  EXPECT_EQ(rounds[0].evaluation->samples, 10u);
  EXPECT_EQ(rounds[1].evaluation->loss, 0.25);
  EXPECT_EQ(rounds[1].evaluation->accuracy, std::nullopt);
  EXPECT_EQ(rounds[1].evaluation->samples, 20u);
  EXPECT_EQ(rounds[1].evaluation->duration, Duration(8));
}

TEST(StateStoreTest, RefusesTheStateOfAnotherNode) {
  FaultDisk disk;
  leave_run(disk, {Round(0)});
  StoreOptions other = crash_options();
  other.node = NodeId(8);
  expect_refused(disk, other, ErrorCode::kMismatch, "the state of node 7, not of node 8");
}

TEST(StateStoreTest, RefusesTheStateOfAnotherCluster) {
  FaultDisk disk;
  leave_run(disk, {Round(0)});
  StoreOptions other = crash_options();
  other.cluster_id = "work";
  expect_refused(disk, other, ErrorCode::kMismatch, "of cluster \"home\", not of \"work\"");
}

TEST(StateStoreTest, RefusesANewerSchema) {
  FaultDisk disk;
  leave_run(disk, {Round(0)});
  {
    auto database = Database::open(disk, kDatabase, 100);
    ASSERT_TRUE(database);
    ASSERT_TRUE(
        (*database)->transact([](SQLite::Database& db) { db.exec("PRAGMA user_version = 99"); }));
    ASSERT_TRUE((*database)->close());
  }
  expect_refused(disk, crash_options(), ErrorCode::kMismatch, "a newer skiptraind (schema 99");
}

TEST(StateStoreTest, RefusesADatabaseOfAnotherProgram) {
  FaultDisk disk;
  {
    auto database = Database::open(disk, kDatabase, 100);
    ASSERT_TRUE(database);
    ASSERT_TRUE((*database)->transact([](SQLite::Database& db) { db.exec("CREATE TABLE t (a)"); }));
    ASSERT_TRUE((*database)->close());
  }
  expect_refused(disk, crash_options(), ErrorCode::kMismatch, "another program");
}

TEST(StateStoreTest, RefusesWhatIsNoDatabase) {
  FaultDisk disk;
  disk.put(kDatabase, std::string(8192, 'x'));
  expect_refused(disk, crash_options(), ErrorCode::kCorrupt, "not a database");
}

TEST(StateStoreTest, RefusesACopyWithoutTheDatabase) {
  FaultDisk disk;
  leave_run(disk, {Round(0), Round(1), Round(2)});
  ASSERT_TRUE(disk.unlink(kDatabase));
  expect_refused(disk, crash_options(), ErrorCode::kCorrupt, "half-copied: checkpoint-");
}

TEST(StateStoreTest, RefusesACopyWithoutTheCheckpoints) {
  FaultDisk disk;
  leave_run(disk, {Round(0), Round(1)});
  for (const std::string& path : checkpoints(disk)) ASSERT_TRUE(disk.unlink(path));
  const auto run = opened(disk)->open_run(crash_run());
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(run.error().message.find("which is not there"), std::string::npos);
}

TEST(StateStoreTest, RefusesADatabaseInUseWithoutItsLog) {
  FaultDisk disk;
  leave_run(disk, {Round(0)});
  opened(disk).reset();  // not closed: a crash
  ASSERT_TRUE(disk.unlink("/state/node.db-wal"));
  expect_refused(disk, crash_options(), ErrorCode::kCorrupt, "its log node.db-wal is missing");
}

TEST(StateStoreTest, RefusesTheSameRunWithOtherSettings) {
  FaultDisk disk;
  leave_run(disk, {Round(0)});
  RunIdentity other = crash_run();
  other.fingerprint = Fingerprint(100);
  const auto run = opened(disk)->open_run(other);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, ErrorCode::kMismatch);
  EXPECT_NE(run.error().message.find("begun with other settings"), std::string::npos);
}

TEST(StateStoreTest, AnotherRunBeginsAndTheOldOneStays) {
  FaultDisk disk;
  leave_run(disk, {Round(0), Round(1)});
  {
    auto store = opened(disk);
    RunIdentity other = crash_run();
    other.id = "run-2";
    EXPECT_EQ(store->open_run(other)->round, std::nullopt);
    ASSERT_TRUE(store->load_model(crash_layout()));
    ASSERT_TRUE(store->save(progress_of(Round(0))));
    ASSERT_TRUE(store->close());
  }
  EXPECT_EQ(opened(disk)->open_run(crash_run())->round, Round(1));
}

TEST(StateStoreTest, RefusesAnotherModel) {
  FaultDisk disk;
  leave_run(disk, {Round(0)});
  auto store = opened(disk);
  ASSERT_TRUE(store->open_run(crash_run()));
  ParameterLayout other;
  other.append("v", {3});
  const auto model = store->load_model(other);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kMismatch);
}

TEST(StateStoreTest, ImportsAnEarlierIncarnationAndCountsOn) {
  FaultDisk disk;
  StoreOptions options = crash_options();
  options.last_incarnation = Incarnation(41);
  EXPECT_EQ((*StateStore::open(disk, options))->incarnation(), Incarnation(42));
  auto again = StateStore::open(disk, options);
  EXPECT_EQ((*again)->incarnation(), Incarnation(43));
  ASSERT_TRUE((*again)->raise_incarnation(Incarnation(60)));
  again->reset();
  EXPECT_EQ(opened(disk)->incarnation(), Incarnation(61));
}

TEST(StateStoreTest, KeepsEveryKindOfDirective) {
  FaultDisk disk;
  const std::vector<core::Directive> all = {
      {{7, NodeId(3)}, Round(12), core::Schedule{core::Policy::kSkipTrainAdaptive, 4, 2}},
      {{8, NodeId(~0ull)}, Round(13), core::LearningRate{0.1}},
      {{9, NodeId(1)}, Round(14), core::RunOrder::kPause},
      {{10, NodeId(1)}, Round(14), core::RunOrder::kRun},
      {{11, NodeId(1)}, Round(15), core::RunOrder::kStop}};
  {
    auto store = opened(disk);
    ASSERT_TRUE(store->open_run(crash_run()));
    ASSERT_TRUE(store->save_directives({all[0]}));
    ASSERT_TRUE(store->save_directives(all));
  }
  EXPECT_EQ(opened(disk)->open_run(crash_run())->directives, all);
}

TEST(StateStoreTest, AnUnsettledIntentStaysChargedAndItsRoundForfeited) {
  FaultDisk disk;
  leave_run(disk, {Round(0), Round(1)});
  {
    auto store = opened(disk);
    ASSERT_TRUE(store->open_run(crash_run()));
    ASSERT_TRUE(store->record_intent(Round(1), WattHours(2)));
  }
  const auto run = opened(disk)->open_run(crash_run());
  ASSERT_TRUE(run);
  EXPECT_EQ(run->spent, WattHours(2));
  EXPECT_EQ(run->train_rounds, 0u);
  EXPECT_EQ(run->forfeited, std::vector<Round>{Round(1)});
}

TEST(StateStoreTest, AFullDiskPassesAndAFailedSyncDoesNot) {
  FaultDisk disk;
  auto store = opened(disk);
  ASSERT_TRUE(store->open_run(crash_run()));
  ASSERT_TRUE(store->load_model(crash_layout()));
  disk.set_capacity(disk.bytes_used());
  const auto full = store->save(progress_of(Round(0)));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(disk.fired());
  disk.set_capacity(std::nullopt);
  EXPECT_TRUE(store->save(progress_of(Round(0))));

  disk.fail_at(disk.operations() + 3, EIO);  // the new checkpoint is made, written twice, synced
  disk.fail_at(disk.operations() + 4, EIO);
  const auto failed = store->save(progress_of(Round(1)));
  ASSERT_FALSE(failed);
  EXPECT_EQ(disk.fired(), FileOperation::kSync);
  const auto again = store->save(progress_of(Round(1)));
  ASSERT_FALSE(again) << "a failed fsync was tried again";
  EXPECT_EQ(again.error().message, failed.error().message);
}

TEST(StateStoreTest, EveryFlippedBitIsFoundAndTheGenerationBeforeUsed) {
  constexpr int kFlips = 10'000;
  FaultDisk disk;
  leave_run(disk, {Round(0), Round(1), Round(2)});
  const auto files = checkpoints(disk);
  ASSERT_EQ(files.size(), kGenerationsKept);
  const std::string intact = disk.content(files.back());
  const std::string before = disk.content(files.front());
  const std::string database = disk.content(kDatabase);
  std::mt19937_64 random(20);
  for (int i = 0; i < kFlips; ++i) {
    disk.put(files.front(), before);
    disk.put(files.back(), intact);
    disk.put(kDatabase, database);
    (void)disk.unlink("/state/node.db-wal");
    const std::uint64_t bit = random() % (intact.size() * 8);
    disk.flip_bit(files.back(), bit);
    auto store = opened(disk);
    ASSERT_TRUE(store->open_run(crash_run()));
    const auto model = store->load_model(crash_layout());
    ASSERT_TRUE(model) << "bit " << bit << ": " << model.error().message;
    ASSERT_EQ((*model)->round, Round(1)) << "bit " << bit << " was not found";
    ASSERT_EQ((*model)->warnings.size(), 1u);
    ASSERT_NE((*model)->warnings[0].find(files.back()), std::string::npos);
  }
}

}  // namespace
}  // namespace skiptrain::store::testing
