// skiptrain-sim as its user meets it, with the quadratic trainer.
#include <algorithm>
#include <sstream>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ctl/files.h"
#include "ctl/sim/app.h"
#include "ctl/sim/checkpoint.h"
#include "tests/unit/ctl/temp_dir.h"

namespace skiptrain::ctl {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

struct Ran {
  ExitCode exit = ExitCode::kOk;
  std::string out;
  std::string err;
};

Ran simulate(std::vector<std::string> flags) {
  std::vector<std::string> words = std::move(flags);
  const auto set_unless_given = [&](const char* flag, const char* value) {
    if (std::ranges::count(words, flag) == 0) words.insert(words.end(), {flag, value});
  };
  set_unless_given("--trainer", "quadratic");
  set_unless_given("--lr", "0.05");
  std::ostringstream out;
  std::ostringstream err;
  Screen screen{out, err};
  Ran ran;
  ran.exit = run_simulator(words, screen);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

Json json_of(std::vector<std::string> flags) {
  flags.insert(flags.end(), {"-o", "json"});
  const Ran ran = simulate(std::move(flags));
  EXPECT_EQ(ran.exit, ExitCode::kOk) << ran.err;
  return Json::parse(ran.out, nullptr, false);
}

TEST(SimAppTest, ASingleRunHasTheSummaryOfATestbed) {
  const Json run = json_of({"--nodes", "8", "--rounds", "16", "--eval-every", "4"});
  EXPECT_EQ(run.at("nodes"), 8);
  EXPECT_EQ(run.at("rounds"), 16);
  EXPECT_EQ(run.at("policy"), "skiptrain");
  EXPECT_EQ(run.at("train_rounds").at("total"), 8 * 8);
  EXPECT_NEAR(run.at("energy_wh").at("saved_fraction").get<double>(), 0.5, 1e-9);
  EXPECT_GT(run.at("bytes_sent"), 8 * 16 * 3 * 16 * 4);
  EXPECT_GT(run.at("virtual_seconds"), 1.0);
  EXPECT_GE(run.at("wall_seconds"), 0.0);
  ASSERT_EQ(run.at("series").size(), 16U);
  EXPECT_EQ(run.at("series")[3].at("trained_nodes"), 8);
  EXPECT_EQ(run.at("series")[4].at("trained_nodes"), 0);
  EXPECT_TRUE(run.at("series")[2].at("test_loss").is_null());
  EXPECT_TRUE(run.at("series")[3].at("test_loss").is_object());
  // The sums of the series end at the totals.
  EXPECT_NEAR(run.at("series")[15].at("energy_wh").get<double>(),
              run.at("energy_wh").at("total").get<double>(), 1e-9);
  // Mixing alone brings the nodes together.
  EXPECT_LT(run.at("series")[15].at("consensus_distance").get<double>(),
            run.at("series")[11].at("consensus_distance").get<double>());
}

TEST(SimAppTest, TheLearningRateFallsByItsSchedule) {
  const auto losses = [](std::vector<std::string> more) {
    std::vector<std::string> flags = {"--nodes",      "2", "--topology", "complete",
                                      "--rounds",     "4", "--policy",   "dpsgd",
                                      "--eval-every", "1"};
    flags.insert(flags.end(), more.begin(), more.end());
    std::vector<double> result;
    const Json run = json_of(std::move(flags));
    for (const Json& round : run.at("series")) {
      result.push_back(round.at("test_loss").at("mean").get<double>());
    }
    return result;
  };
  const std::vector<double> constant = losses({});
  const std::vector<double> step =
      losses({"--set", "train.lr_schedule=step", "--set", "train.lr_step_size=2"});
  ASSERT_EQ(constant.size(), 4U);
  ASSERT_EQ(step.size(), 4U);
  EXPECT_EQ(step[0], constant[0]);
  EXPECT_EQ(step[1], constant[1]);
  EXPECT_NE(step[2], constant[2]);
  EXPECT_NE(step[3], constant[3]);
}

TEST(SimAppTest, TheNumberOfWorkersChangesNothing) {
  TempDir dir;
  const auto log = [&](const std::string& workers) {
    const std::string path = dir.path() + "/log-" + workers;
    const Ran ran = simulate({"--nodes", "9", "--topology", "torus", "--rounds", "12", "--network",
                              "wifi", "--workers", workers, "--event-log", path});
    EXPECT_EQ(ran.exit, ExitCode::kOk) << ran.err;
    return read_file(path).value_or("");
  };
  const std::string one = log("1");
  EXPECT_GT(one.size(), 10'000U);
  EXPECT_EQ(one, log("3"));
}

TEST(SimAppTest, AResumedRunEndsAsTheUninterruptedOne) {
  TempDir dir;
  const std::string early = dir.path() + "/early";
  const std::string late = dir.path() + "/late";
  const std::string resumed = dir.path() + "/resumed";
  const std::vector<std::string> flags = {"--nodes",  "6",  "--topology",   "ring",
                                          "--rounds", "20", "--eval-every", "5"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), flags.begin(), flags.end());
    return json_of(more);
  };
  // Snapshots at 12 only, and at 20.
  with({"--checkpoint", early, "--checkpoint-every", "12"});
  const Json whole = with({"--checkpoint", late, "--checkpoint-every", "20"});
  const Json second =
      with({"--resume", early, "--checkpoint", resumed, "--checkpoint-every", "20"});
  const auto a = read_checkpoint(late);
  const auto b = read_checkpoint(resumed);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(read_checkpoint(early)->snapshot.round, Round(12));
  ASSERT_EQ(a->snapshot.round, Round(20));
  ASSERT_EQ(b->snapshot.round, Round(20));
  for (std::size_t i = 0; i < 6; ++i) {
    const auto& x = a->snapshot.nodes[i];
    const auto& y = b->snapshot.nodes[i];
    EXPECT_TRUE(std::ranges::equal(std::as_const(*x.parameters).values(),
                                   std::as_const(*y.parameters).values()))
        << i;
    EXPECT_EQ(x.totals.train_rounds, y.totals.train_rounds);
    EXPECT_DOUBLE_EQ(x.totals.energy_spent.value(), y.totals.energy_spent.value());
  }
  // The history before the checkpoint is in the report too.
  ASSERT_EQ(second.at("series").size(), 20U);
  for (const std::size_t round : {4U, 9U, 14U, 19U}) {
    EXPECT_EQ(second.at("series")[round].at("test_loss"),
              whole.at("series")[round].at("test_loss"));
  }
  EXPECT_EQ(second.at("train_rounds"), whole.at("train_rounds"));
  EXPECT_EQ(second.at("consensus_distance"), whole.at("consensus_distance"));
}

TEST(SimAppTest, ACheckpointOfAnotherRunIsRefused) {
  TempDir dir;
  const std::string file = dir.path() + "/checkpoint";
  json_of({"--nodes", "4", "--topology", "ring", "--rounds", "10", "--checkpoint", file});
  const Ran other = simulate(
      {"--nodes", "4", "--topology", "ring", "--rounds", "10", "--seed", "2", "--resume", file});
  EXPECT_EQ(other.exit, ExitCode::kPrecondition);
  EXPECT_THAT(other.err, HasSubstr("other settings"));
  ASSERT_TRUE(write_file(file, "no safetensors"));
  const Ran broken = simulate({"--nodes", "4", "--topology", "ring", "--resume", file});
  EXPECT_EQ(broken.exit, ExitCode::kError);
  EXPECT_THAT(broken.err, HasSubstr(file));
  const Ran missing = simulate({"--nodes", "4", "--resume", dir.path() + "/none"});
  EXPECT_EQ(missing.exit, ExitCode::kNotFound);
}

TEST(SimAppTest, ComparesPoliciesAndWritesAllFiles) {
  TempDir dir;
  const std::string base = dir.path() + "/out";
  const Ran ran = simulate({"--nodes", "8", "--rounds", "8", "--compare",
                            "dpsgd,skiptrain,greedy,skiptrain-constrained,skiptrain-adaptive",
                            "--budget-fraction", "0.01", "--html", base + ".html", "--csv",
                            base + ".csv", "--json", base + ".json"});
  ASSERT_EQ(ran.exit, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("skiptrain-adaptive"));
  const Json json = Json::parse(read_file(base + ".json").value(), nullptr, false);
  ASSERT_EQ(json.at("runs").size(), 5U);
  EXPECT_EQ(json.at("runs")[0].at("policy"), "dpsgd");
  EXPECT_THAT(read_file(base + ".html").value(), HasSubstr("<html"));
  EXPECT_THAT(read_file(base + ".csv").value(), HasSubstr("dpsgd"));
}

TEST(SimAppTest, FaultsAreInTheNotes) {
  TempDir dir;
  const std::string file = dir.path() + "/faults.toml";
  ASSERT_TRUE(write_file(file,
                         "[[fault]]\nafter_round = 3\nkind = \"crash\"\nnode = 2\n"
                         "[[fault]]\nat = \"20s\"\nkind = \"restart\"\nnode = 2\n"));
  const Json run =
      json_of({"--nodes", "6", "--topology", "ring", "--rounds", "30", "--faults", file});
  EXPECT_THAT(run.at("notes").dump(), HasSubstr("crash of node 2"));
  EXPECT_EQ(run.at("rounds"), 30);
}

struct BadCase {
  const char* name;
  std::vector<std::string> flags;
  ExitCode exit;
  const char* says;
};
void PrintTo(const BadCase& c, std::ostream* out) {
  *out << c.name;
}

class SimBadInputTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(SimBadInputTest, IsRefusedInWords) {
  const Ran ran = simulate(GetParam().flags);
  EXPECT_EQ(ran.exit, GetParam().exit) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr(GetParam().says));
  EXPECT_EQ(ran.out, "");
}

INSTANTIATE_TEST_SUITE_P(
    Flags, SimBadInputTest,
    ::testing::Values(
        BadCase{
            "OddDegreeSum", {"--nodes", "5", "--topology", "regular:3"}, ExitCode::kUsage, "even"},
        BadCase{"DegreeTooLarge",
                {"--nodes", "4", "--topology", "regular:4"},
                ExitCode::kUsage,
                "regular:4"},
        BadCase{"BudgetOfZeroRounds",
                {"--policy", "greedy", "--budget-wh", "0.0001"},
                ExitCode::kUsage,
                "zero rounds"},
        BadCase{"TooLargeForMemory",
                {"--nodes", "4096", "--topology", "ring", "--dimension", "10000000"},
                ExitCode::kError,
                "are free"},
        BadCase{"UnknownTrainer", {"--trainer", "magic"}, ExitCode::kUsage, "learn or quadratic"},
        BadCase{"UnknownNetwork", {"--network", "moon"}, ExitCode::kUsage, "wifi"},
        BadCase{"UnknownSetting", {"--set", "train.speed=3"}, ExitCode::kUsage, "train.speed"},
        BadCase{"UnknownFlag", {"--speed", "3"}, ExitCode::kUsage, "--speed"},
        BadCase{"NegativeNodes", {"--nodes", "-1"}, ExitCode::kUsage, "--nodes"},
        BadCase{"TooManyNodes", {"--nodes", "5000"}, ExitCode::kUsage, "4096"},
        BadCase{"AdamOnTheQuadratic",
                {"--set", "train.optimizer=adam"},
                ExitCode::kUsage,
                "knows sgd alone"},
        BadCase{"Diverges", {"--lr", "2.5"}, ExitCode::kUsage, "diverges"}),
    [](const auto& info) { return info.param.name; });

TEST(SimBadInputTest, AnEmptyShareIsRefused) {
  std::ostringstream out;
  std::ostringstream err;
  Screen screen{out, err};
  const ExitCode exit = run_simulator(
      {"--nodes", "64", "--topology", "ring", "--set", "data.train_limit=50"}, screen);
  EXPECT_EQ(exit, ExitCode::kUsage) << err.str();
  EXPECT_THAT(err.str(), HasSubstr("--partition"));
}

}  // namespace
}  // namespace skiptrain::ctl
