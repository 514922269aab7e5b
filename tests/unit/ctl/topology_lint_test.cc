// `topology lint`: its table, its JSON, its exit codes. No daemon is asked.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ctl/invocation.h"
#include "tests/unit/ctl/temp_dir.h"

namespace skiptrain::ctl {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Invocation lint(std::vector<std::string> words) {
  words.insert(words.begin(), {"topology", "lint"});
  return skipctl(words);
}

class TopologyLintTest : public testing::Test {
 protected:
  std::string file(const std::string& text) {
    const std::string path = dir_ / "edges.txt";
    std::ofstream(path) << text;
    return "file:" + path;
  }

 private:
  TempDir dir_;
};

TEST_F(TopologyLintTest, ReportsAsATable) {
  const Invocation ran = lint({"star", "--nodes", "5"});
  EXPECT_EQ(ran.exit, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("star"), HasSubstr("yes"),
                             HasSubstr("min 1, mean 1.60, max 4"), HasSubstr("0.2\n"),
                             HasSubstr("21 rounds of mixing to 1.00 % of the distance")));
}

TEST_F(TopologyLintTest, ReportsAsJson) {
  const auto json = lint({"ring", "--nodes", "8", "-o", "json"}).json();
  EXPECT_EQ(json["topology"], "ring");
  EXPECT_EQ(json["nodes"], 8);
  EXPECT_EQ(json["edges"], 8);
  EXPECT_EQ(json["connected"], true);
  EXPECT_THAT(json["part_sizes"], ElementsAre(8));
  EXPECT_EQ(json["degree"]["min"], 2);
  EXPECT_EQ(json["degree"]["mean"], 2.0);
  EXPECT_EQ(json["degree"]["max"], 2);
  EXPECT_EQ(json["diameter"], 4);
  EXPECT_EQ(json["diameter_exact"], true);
  EXPECT_NEAR(json["spectral_gap"], 0.195262, 1e-6);
  EXPECT_EQ(json["spectral_gap_exact"], true);
  EXPECT_EQ(json["rounds_to_consensus"], 22);
  EXPECT_THAT(json["problems"], IsEmpty());
}

TEST_F(TopologyLintTest, SeedDecidesTheRandomKinds) {
  const auto gap = [](const char* spec, const char* seed) {
    return lint({spec, "--nodes", "64", "--seed", seed, "-o", "json"}).json()["spectral_gap"];
  };
  for (const char* spec : {"regular:4", "rings:2"}) {
    EXPECT_EQ(gap(spec, "1"), gap(spec, "1"));
    EXPECT_NE(gap(spec, "1"), gap(spec, "2"));
  }
  EXPECT_EQ(gap("exponential", "1"), gap("exponential", "2"));
}

TEST_F(TopologyLintTest, ReadsAFile) {
  const Invocation ran = lint({file("4\n0 1\n1 2\n2 3\n"), "-o", "json"});
  EXPECT_EQ(ran.exit, ExitCode::kOk);
  EXPECT_EQ(ran.json()["diameter"], 3);
  const Invocation other = lint({file("4\n0 1\n1 2\n2 3\n"), "--nodes", "5"});
  EXPECT_EQ(other.exit, ExitCode::kUsage);
  EXPECT_THAT(other.err, AllOf(HasSubstr("--nodes 5"), HasSubstr("a graph of 4 nodes")));
}

TEST_F(TopologyLintTest, ADisconnectedFileIsAnErrorThatNamesWhoIsCutOff) {
  const std::string parts = file("6\n0 1\n1 2\n3 5\n2 4\n");
  const Invocation table = lint({parts});
  EXPECT_EQ(table.exit, ExitCode::kError);
  EXPECT_THAT(table.out, AllOf(HasSubstr("no, 2 parts"), HasSubstr("never")));
  EXPECT_THAT(table.err, HasSubstr("2 parts, the smallest with nodes 3, 5"));
  const Invocation json = lint({parts, "-o", "json"});
  EXPECT_EQ(json.exit, ExitCode::kError);
  EXPECT_EQ(json.json()["connected"], false);
  EXPECT_THAT(json.json()["part_sizes"], ElementsAre(4, 2));
  EXPECT_TRUE(json.json()["diameter"].is_null());
  EXPECT_TRUE(json.json()["rounds_to_consensus"].is_null());
  EXPECT_THAT(json.json()["problems"], ElementsAre(HasSubstr("disconnected")));
}

TEST_F(TopologyLintTest, RefusesWhatIsNoGraph) {
  EXPECT_EQ(lint({file("4\n0 9\n")}).exit, ExitCode::kError);
  EXPECT_THAT(lint({file("4\n0 9\n")}).err, HasSubstr("edges.txt:2: node 9 is out of range"));
  EXPECT_EQ(lint({"file:/nowhere/edges.txt"}).exit, ExitCode::kNotFound);
  EXPECT_EQ(lint({}).exit, ExitCode::kUsage);
  const auto usage = [](std::vector<std::string> words) {
    const Invocation ran = lint(std::move(words));
    EXPECT_EQ(ran.exit, ExitCode::kUsage);
    EXPECT_THAT(ran.out, IsEmpty());
    return ran.err;
  };
  EXPECT_THAT(usage({"ring"}), HasSubstr("--nodes must be given"));
  EXPECT_THAT(usage({"wheel", "--nodes", "8"}), HasSubstr("must be ring, complete"));
  EXPECT_THAT(usage({"ring", "--nodes", "0"}), HasSubstr("1 to 1000000"));
  EXPECT_THAT(usage({"ring", "--nodes", "-3"}), HasSubstr("--nodes"));
  EXPECT_THAT(usage({"regular:3", "--nodes", "7"}), HasSubstr("must be even"));
  EXPECT_THAT(usage({"epidemic:3", "--nodes", "8"}), HasSubstr("anew in each round"));
  EXPECT_THAT(usage({"complete", "--nodes", "100000"}), HasSubstr("too many edges"));
}

}  // namespace
}  // namespace skiptrain::ctl
