// Network and fault files: what they say, and what they may not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/topology/build_topology.h"
#include "ctl/files.h"
#include "ctl/sim/faults_file.h"
#include "ctl/sim/network_file.h"
#include "tests/unit/ctl/temp_dir.h"

namespace skiptrain::ctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class SimFilesTest : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    const std::string path = dir_.path() + "/file.toml";
    EXPECT_TRUE(write_file(path, text));
    return path;
  }
  Result<sim::NetworkOptions> network(const std::string& text) {
    return load_network(write(text), 4);
  }
  Result<sim::FaultPlan> faults(const std::string& text) {
    return load_faults(
        write(text), core::build_topology(core::parse_topology_spec("ring").value(), 4, 1).value());
  }

  TempDir dir_;
};

TEST_F(SimFilesTest, ANetworkStartsFromAPresetAndChangesIt) {
  const auto read = network(
      "preset = \"wifi\"\nlatency = \"7ms\"\nbandwidth_mbit = 8\nloss = 0.25\n"
      "unreliable_until = \"30s\"\n"
      "[[link]]\nbetween = [1, 2]\none_way = true\nlatency = \"40ms\"\n");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->link.latency, milliseconds(7));
  EXPECT_EQ(read->link.jitter, sim::network_preset("wifi")->link.jitter);
  EXPECT_DOUBLE_EQ(read->link.bandwidth_bytes_per_s, 1e6);
  EXPECT_DOUBLE_EQ(read->link.loss, 0.25);
  EXPECT_EQ(read->unreliable_until, Instant(seconds(30)));
  ASSERT_EQ(read->overrides.size(), 1U);
  EXPECT_EQ(read->overrides[0].from, 1U);
  EXPECT_EQ(read->overrides[0].to, 2U);
  EXPECT_FALSE(read->overrides[0].both);
  EXPECT_EQ(read->overrides[0].link.latency, milliseconds(40));
  EXPECT_DOUBLE_EQ(read->overrides[0].link.loss, 0.25);
}

TEST_F(SimFilesTest, ABareWordIsAPreset) {
  EXPECT_TRUE(load_network("lan", 4));
  const auto unknown = load_network("carrier-pigeon", 4);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("wan"));
}

TEST_F(SimFilesTest, WhatIsWrongInANetworkIsToldWithItsLine) {
  const auto complaint = [&](const std::string& text) {
    const auto read = network(text);
    return read ? std::string("accepted") : read.error().message;
  };
  EXPECT_THAT(complaint("latency = \"1ms\"\nspeed = 3\n"), HasSubstr(":2: speed: unknown key"));
  EXPECT_THAT(complaint("speed = 3\n"), HasSubstr("allowed are"));
  EXPECT_THAT(complaint("loss = 1.5\n"), HasSubstr(":1: loss: must be a number from 0 to 1"));
  EXPECT_THAT(complaint("latency = \"soon\"\n"), HasSubstr(":1: latency: must be a time"));
  EXPECT_THAT(complaint("\npreset = \"moon\"\n"), HasSubstr(":2: preset"));
  EXPECT_THAT(complaint("[[link]]\nbetween = [0, 4]\n"), HasSubstr("0 to 3"));
  EXPECT_THAT(complaint("[[link]]\nlatency = \"1ms\"\n"), HasSubstr("between"));
  EXPECT_THAT(complaint("latency = \n"), HasSubstr(":1: "));
}

TEST_F(SimFilesTest, AMissingFileIsNotFound) {
  const auto read = load_network(dir_.path() + "/none.toml", 4);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
}

TEST_F(SimFilesTest, EveryKindOfFaultIsRead) {
  const auto plan = faults(R"(
training_failure = 0.5
until = "60s"
[[fault]]
at = "1s"
kind = "crash"
node = 1
[[fault]]
after_round = 5
of = 2
kind = "restart"
node = 1
from_checkpoint = true
[[fault]]
at = "2s"
kind = "partition"
groups = [[0, 1], [2, 3]]
[[fault]]
at = "3s"
kind = "heal"
[[fault]]
at = "4s"
kind = "cut"
from = 0
to = 1
[[fault]]
at = "5s"
kind = "mend"
from = 0
to = 1
[[fault]]
at = "6s"
kind = "break-link"
between = [0, 1]
down = "2s"
[[fault]]
after_round = 3
kind = "slow-down"
node = 3
factor = 10
[[fault]]
at = "7s"
kind = "step-clock"
node = 0
by = "1s"
backwards = true
[[fault]]
at = "8s"
kind = "skew-clock"
node = 0
rate = 1.01
[[fault]]
at = "9s"
kind = "fail-training"
node = 0
rounds = 3
)");
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(plan->faults.size(), 11U);
  EXPECT_DOUBLE_EQ(plan->training_failure, 0.5);
  EXPECT_EQ(plan->until, Instant(seconds(60)));
  EXPECT_EQ(std::get<sim::Crash>(plan->faults[0].what).node, 1U);
  EXPECT_EQ(std::get<sim::AtCommit>(plan->faults[1].when).node, 2U);
  EXPECT_EQ(std::get<sim::AtCommit>(plan->faults[1].when).round, Round(5));
  EXPECT_TRUE(std::get<sim::Restart>(plan->faults[1].what).from_checkpoint);
  EXPECT_EQ(std::get<sim::Partition>(plan->faults[2].what).groups.size(), 2U);
  EXPECT_EQ(std::get<sim::BreakLink>(plan->faults[6].what).down, seconds(2));
  // Without `of`, the round is that of the node itself.
  EXPECT_EQ(std::get<sim::AtCommit>(plan->faults[7].when).node, 3U);
  EXPECT_EQ(std::get<sim::StepClock>(plan->faults[8].what).by, -seconds(1));
  EXPECT_EQ(std::get<sim::FailTraining>(plan->faults[10].what).rounds, 3U);
}

TEST_F(SimFilesTest, RandomFaultsAreDrawnBesides) {
  const auto plan = faults("[random]\nseed = 3\ncrashes = 2\nlink_breaks = 1\nperiod = \"5s\"\n");
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_GE(plan->faults.size(), 3U);
}

TEST_F(SimFilesTest, WhatIsWrongInAFaultIsToldWithItsLine) {
  const auto complaint = [&](const std::string& text) {
    const auto read = faults(text);
    return read ? std::string("accepted") : read.error().message;
  };
  EXPECT_THAT(complaint("[[fault]]\nat = \"1s\"\nkind = \"flood\"\n"),
              HasSubstr(":3: kind: must be one of crash, restart"));
  EXPECT_THAT(complaint("[[fault]]\nat = \"1s\"\nkind = \"crash\"\nnode = 4\n"),
              HasSubstr(":4: node"));
  EXPECT_THAT(complaint("[[fault]]\nkind = \"heal\"\n"), HasSubstr("at or after_round"));
  EXPECT_THAT(complaint("[[fault]]\nat = \"1s\"\nafter_round = 1\nkind = \"heal\"\n"),
              HasSubstr("at or after_round"));
  EXPECT_THAT(complaint("[[fault]]\nat = \"1s\"\nkind = \"heal\"\nnode = 1\n"),
              HasSubstr(":4: node: unknown key"));
  EXPECT_THAT(complaint("faults = 1\n"), HasSubstr("unknown key"));
  EXPECT_THAT(complaint("[fault]\nat = \"1s\"\n"), HasSubstr("[[fault]]"));
  // No link joins 0 and 2 in a ring of four.
  EXPECT_THAT(complaint("[[fault]]\nat = \"1s\"\nkind = \"break-link\"\nbetween = [0, 2]\n"),
              HasSubstr("file.toml: "));
}

}  // namespace
}  // namespace skiptrain::ctl
