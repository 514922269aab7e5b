// Models that users bring, in real daemons. The files are what other daemons export; that Python
// writes and reads such files is shown by tests/integration/python_interop.
#include <algorithm>
#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "store/safetensors.h"
#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

std::string quoted(const std::string& text) {
  return "\"" + text + "\"";
}

std::vector<float> values(const std::string& file) {
  const auto model = store::read_safetensors(file);
  EXPECT_TRUE(model) << model.error().message;
  if (!model) return {};
  const auto numbers = std::as_const(*model->parameters).values();
  return {numbers.begin(), numbers.end()};
}

class OwnModelTest : public ::testing::Test {
 protected:
  // The model of a run without rounds, drawn from `seed`.
  std::string export_initial(const std::string& seed, const std::string& format) {
    TestCluster cluster(1);
    cluster.set("run.rounds", "0");
    cluster.set("run.seed", seed);
    cluster.start(0);
    EXPECT_TRUE(cluster.wait_until_finished()) << cluster.describe();
    const std::string file = dir_ / (format + "-" + seed + ".pt");
    const Answer answer = cluster.ask(0, {"model", "export", "--format", format, file});
    EXPECT_EQ(answer.exit_code, kOk) << answer.err;
    return file;
  }

  static void use(TestCluster& cluster, const std::string& file) {
    cluster.set("model.name", std::nullopt);
    cluster.set("model.hidden", std::nullopt);
    cluster.set("model.file", quoted(file));
  }

  // Runs to the end, and exports node 0's model as safetensors.
  std::vector<float> result_of(TestCluster& cluster) {
    cluster.start_all();
    EXPECT_TRUE(cluster.wait_until_finished()) << cluster.describe();
    const std::string file = dir_ / ("result-" + std::to_string(++results_));
    const Answer answer = cluster.ask(0, {"model", "export", file});
    EXPECT_EQ(answer.exit_code, kOk) << answer.err;
    return values(file);
  }

  TestDir dir_;
  int results_ = 0;
};

TEST_F(OwnModelTest, AnExportedModelTrainsToTheSameBits) {
  TestCluster named(2);
  TestCluster own(2);
  use(own, export_initial("1", "torchscript"));
  const std::vector<float> expected = result_of(named);
  EXPECT_EQ(result_of(own), expected);
  EXPECT_EQ(own.status(0).at("model"), "torchscript-1.pt");
  EXPECT_EQ(own.status(0).at("updates").at("missed"), 0);
}

TEST_F(OwnModelTest, NodesWithOtherFilesRefuseEachOther) {
  TestCluster cluster(2);
  use(cluster, export_initial("1", "torchscript"));
  cluster.set(1, "model.file", quoted(export_initial("2", "torchscript")));
  cluster.set("round.start_timeout", quoted("1s"));
  cluster.start_all();
  for (const std::size_t node : {0, 1}) {
    const std::string why = cluster.refusal(node, 1 - node);
    EXPECT_NE(why.find("model.file"), std::string::npos) << why;
  }
}

TEST_F(OwnModelTest, ARunGoesOnWithTheFileThatItBeganWithOnly) {
  TestCluster cluster(1);
  use(cluster, export_initial("1", "torchscript"));
  result_of(cluster);
  cluster.process(0).signal(SIGTERM);
  cluster.process(0).wait();
  cluster.set("model.file", quoted(export_initial("2", "torchscript")));
  cluster.start(0);
  EXPECT_EQ(cluster.process(0).wait(), (Exit{1, 0}));
  EXPECT_NE(cluster.log(0).find("was begun with other settings"), std::string::npos)
      << cluster.log(0);
}

TEST_F(OwnModelTest, FilesThatAreNoModelsAreNamed) {
  TestCluster cluster(1);
  use(cluster, dir_ / "none.pt");
  cluster.start(0);
  EXPECT_EQ(cluster.process(0).wait(), (Exit{1, 0}));
  EXPECT_NE(cluster.log(0).find("model.file: " + (dir_ / "none.pt")), std::string::npos)
      << cluster.log(0);
  write_file(dir_ / "torn.pt", read_file(export_initial("1", "torchscript")).substr(0, 2000));
  cluster.set("model.file", quoted(dir_ / "torn.pt"));
  cluster.start(0);
  EXPECT_EQ(cluster.process(0).wait(), (Exit{1, 0}));
  EXPECT_NE(cluster.log(0).find("torn.pt: cannot be loaded as TorchScript"), std::string::npos)
      << cluster.log(0);
}

// The frozen layer is neither trained nor exchanged, comes from model.initial in either format, and
// is part of what is exported.
TEST_F(OwnModelTest, FrozenParametersComeFromTheInitialFile) {
  const std::vector<float> start = values(export_initial("2", "safetensors"));
  for (const std::string format : {"safetensors", "torchscript"}) {
    SCOPED_TRACE(format);
    TestCluster cluster(2);
    cluster.set("model.frozen", "[\"fc1.*\"]");
    cluster.set("model.initial", quoted(export_initial("2", format)));
    const std::vector<float> end = result_of(cluster);
    ASSERT_EQ(end.size(), start.size());
    constexpr std::size_t kFrozen = kImageSide * kImageSide * 8 + 8;
    for (std::size_t i = 0; i < kFrozen; ++i) ASSERT_EQ(end[i], start[i]) << i;
    EXPECT_NE(end[kFrozen], start[kFrozen]);
  }
}

TEST_F(OwnModelTest, NodesWithOtherFrozenParametersRefuseEachOther) {
  TestCluster cluster(2);
  cluster.set("model.frozen", "[\"fc1.*\"]");
  cluster.set(1, "model.initial", quoted(export_initial("2", "safetensors")));
  cluster.set("round.start_timeout", quoted("1s"));
  cluster.start_all();
  const std::string why = cluster.refusal(0, 1);
  EXPECT_NE(why.find("frozen parameters"), std::string::npos) << why;
}

TEST_F(OwnModelTest, ACheckpointWithOtherFrozenParametersIsRefused) {
  TestCluster cluster(1);
  cluster.set("model.frozen", "[\"fc1.*\"]");
  const std::string other = export_initial("2", "torchscript");
  cluster.start(0, {.command = {"--from-checkpoint", other}, .output_file = "", .environment = {}});
  EXPECT_EQ(cluster.process(0).wait(), (Exit{1, 0}));
  EXPECT_NE(cluster.log(0).find("name the file as model.initial"), std::string::npos)
      << cluster.log(0);
}

TEST_F(OwnModelTest, ARunMayBeginFromATorchScriptFile) {
  TestCluster cluster(1);
  const std::string other = export_initial("2", "torchscript");
  cluster.set("run.rounds", "0");
  cluster.start(0, {.command = {"--from-checkpoint", other}, .output_file = "", .environment = {}});
  ASSERT_TRUE(cluster.wait_until_finished()) << cluster.describe();
  ASSERT_EQ(cluster.ask(0, {"model", "export", dir_ / "begun"}).exit_code, kOk);
  EXPECT_EQ(values(dir_ / "begun"), values(export_initial("2", "safetensors")));
}

// The same flags, the same bits: simulated and with real daemons.
TEST_F(OwnModelTest, TheSimulatorTrainsItToo) {
  const std::string file = export_initial("1", "torchscript");
  write_dataset(dir_ / "data");
  std::vector<std::string> flags = {"--nodes",       "2",
                                    "--rounds",      "6",
                                    "--topology",    "ring",
                                    "--model",       file,
                                    "--set",         "model.frozen=[\"fc1.bias\"]",
                                    "--dataset",     dir_ / "data",
                                    "--batch-size",  "8",
                                    "--partition",   "iid",
                                    "--local-steps", "2"};
  const auto with = [&](std::vector<std::string> front) {
    front.insert(front.end(), flags.begin(), flags.end());
    return front;
  };
  const std::string checkpoint = dir_ / "sim";
  const Answer simulated =
      skipctl(with({"sim", "--checkpoint", checkpoint, "--checkpoint-every", "6"}));
  ASSERT_EQ(simulated.exit_code, kOk) << simulated.err;
  const std::string bed = dir_ / "bed";
  const Answer real =
      skipctl(with({"testbed", "run", "--dir", bed, "--keep", "--skiptraind", SKIPTRAIND}));
  ASSERT_EQ(real.exit_code, kOk) << real.err;
  for (const char* field : {"train_rounds", "test_accuracy", "energy_wh", "consensus_distance"}) {
    EXPECT_EQ(simulated.json.at(field), real.json.at(field)) << field;
  }
  const std::string exported = dir_ / "exported";
  EXPECT_EQ(skipctl({"-e", bed + "/node-0/control.sock", "model", "export", exported}).exit_code,
            kOk);
  skipctl({"testbed", "down", "--dir", bed});
  const std::vector<float> all = values(checkpoint);
  const std::vector<float> one = values(exported);
  // Exchanged are fc1.weight, fc2.weight and fc2.bias; exported is fc1.bias, too.
  constexpr std::size_t kFrozen = 8;
  ASSERT_EQ(all.size(), 2 * (one.size() - kFrozen));
  EXPECT_TRUE(std::equal(one.end() - 8 * kClasses - kClasses, one.end(),
                         all.begin() + static_cast<std::ptrdiff_t>(kImageSide * kImageSide * 8)));
}

}  // namespace
}  // namespace skiptrain::integration
