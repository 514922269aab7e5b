// What a valid config means: defaults, placeholders, round trips, comparison.
#include "daemon/config/config.h"

#include <stdlib.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/topology/build_topology.h"
#include "tests/unit/daemon/config_fixture.h"

namespace skiptrain::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Config valid(const std::string& toml = kValidToml) {
  auto config = parse(toml);
  EXPECT_TRUE(config.has_value()) << config.error().message;
  return *config;
}

std::string with(const std::string& more) {
  return kValidToml + more;
}

TEST(ConfigTest, SortsNodesAndKnowsItsPlace) {
  const Config config = valid();
  ASSERT_EQ(config.cluster.nodes.size(), 3u);
  EXPECT_EQ(config.cluster.nodes[0].id, NodeId(1));
  EXPECT_EQ(config.cluster.nodes[1].id, NodeId(3));
  EXPECT_EQ(config.cluster.nodes[2].id, NodeId(7));
  EXPECT_EQ(config.position(), 0u);
  EXPECT_EQ(config.self().address, "127.0.0.1:7401");
  EXPECT_EQ(config.cluster.graph.edges().size(), 3u);
}

TEST(ConfigTest, FillsInWhatIsLeftOpen) {
  const Config config = valid(edited("id = 1\n", "id = 3\n"));
  EXPECT_EQ(config.node.name, "node-3");
  EXPECT_EQ(config.self().name, "node-3");
  EXPECT_EQ(config.node.listen, "127.0.0.1:7403");
  EXPECT_EQ(config.node.profile, "galaxy-s22-ultra");  // position 1
  EXPECT_EQ(config.control.socket, "/tmp/n1/control.sock");
  EXPECT_EQ(config.cluster.topology_seed, config.run.seed);
  EXPECT_EQ(config.data.train_images, "/etc/skiptrain/ti");
  EXPECT_EQ(config.round.deadline, std::nullopt);
  EXPECT_EQ(config.schedule, (core::Schedule{core::Policy::kSkipTrain, 4, 4}));
}

// A node's place on the rings is hashed from its id, wherever it stands in the file.
TEST(ConfigTest, RingsAreOfTheNodesIds) {
  std::string toml = edited("\"ring\"", "\"rings:1\"\ntopology_seed = 9");
  for (const std::string id : {"40", "11", "25", "90"}) {
    toml += "[[cluster.nodes]]\nid = " + id + "\naddress = \"127.0.0.1:75" + id + "\"\n";
  }
  std::vector<NodeId> ids;
  for (const std::uint64_t id : {1, 3, 7, 11, 25, 40, 90}) ids.emplace_back(id);
  const core::TopologySpec rings{core::TopologySpec::Kind::kRings, 1, ""};
  EXPECT_EQ(valid(toml).cluster.graph, core::build_topology(rings, ids, 9).value());
}

TEST(ConfigTest, ReadsEveryKindOfValue) {
  const Config config = valid(with(R"([round]
deadline = "1.5s"
start_timeout = "2m"
[train]
lr = 1
momentum = 0.9
keep_optimizer_state = true
[log]
level = "debug"
format = "json"
[schedule]
policy = "greedy"
)"));
  EXPECT_EQ(config.round.deadline, Duration(1500ms));
  EXPECT_EQ(config.round.start_timeout, Duration(2min));
  EXPECT_EQ(config.train.lr, 1.0);
  EXPECT_EQ(config.train.momentum, 0.9);
  EXPECT_TRUE(config.train.keep_optimizer_state);
  EXPECT_EQ(config.log.level, LogLevel::kDebug);
  EXPECT_EQ(config.log.format, LogFormat::kJson);
  EXPECT_EQ(config.schedule.policy, core::Policy::kGreedy);
}

TEST(ConfigTest, BudgetComesFromEitherKey) {
  EXPECT_EQ(valid().training_budget(), std::nullopt);
  EXPECT_EQ(valid(with("[energy]\nbudget_wh = 2\n")).training_budget(), WattHours(2.0));
  const auto tenth = valid(with("[energy]\nbudget_fraction = 0.1\n")).training_budget();
  ASSERT_TRUE(tenth.has_value());
  EXPECT_NEAR(tenth->value(), 1.78, 1e-12);  // of xiaomi-12-pro's 17.8 Wh
}

TEST(ConfigTest, WritesWhatItReadsBack) {
  const Config config = valid(with(R"([log]
file = "with \"quotes\" and \\ and \u0007"
[energy]
budget_fraction = 0.1
meter = "constant"
constant_watts = 5.5
[train]
lr = 0.030000000000000002
[round]
deadline = "1h"
)"));
  const std::string text = to_toml(config);
  const auto again = parse(text);
  ASSERT_TRUE(again.has_value()) << again.error().message << "\n" << text;
  EXPECT_EQ(*again, config) << text;
  EXPECT_THAT(differences_needing_restart(config, *again), IsEmpty());
}

TEST(ConfigTest, ADataFormatThatIsAFolderIsReadAndWritten) {
  const std::string toml = edited(
      "train_images = \"ti\"\ntrain_labels = \"tl\"\ntest_images = \"vi\"\n"
      "test_labels = \"vl\"\n",
      "format = \"cifar-10\"\ndirectory = \"cifar-10-batches-bin\"\n");
  const Config config = valid(toml);
  EXPECT_EQ(config.data.format, data::Format::kCifar10);
  EXPECT_EQ(config.data.directory, "/etc/skiptrain/cifar-10-batches-bin");
  EXPECT_TRUE(config.data.train_images.empty());
  const auto again = parse(to_toml(config));
  ASSERT_TRUE(again.has_value()) << again.error().message << "\n" << to_toml(config);
  EXPECT_EQ(*again, config);
  EXPECT_NE(run_fingerprint(config), run_fingerprint(valid()));
  const Config elsewhere = valid(edited("cifar-10-batches-bin", "/data/cifar", toml));
  EXPECT_EQ(run_fingerprint(config), run_fingerprint(elsewhere))
      << "where it lies is its own affair";
  EXPECT_THAT(differences_needing_restart(config, elsewhere),
              ElementsAre(HasSubstr("data.directory")));
}

constexpr const char* kIdxFiles =
    "train_images = \"ti\"\ntrain_labels = \"tl\"\ntest_images = \"vi\"\n"
    "test_labels = \"vl\"\n";

TEST(ConfigTest, NpyFilesStandInTheKeysOfIdxFiles) {
  const Config config = valid(edited(kIdxFiles, std::string("format = \"npy\"\n") + kIdxFiles));
  EXPECT_EQ(config.data.format, data::Format::kNpy);
  EXPECT_EQ(config.data.train_images, "/etc/skiptrain/ti");
  EXPECT_NE(run_fingerprint(config), run_fingerprint(valid()));
}

TEST(ConfigTest, AnNpzFileAndItsArraysSurviveARoundTrip) {
  const std::string toml = edited(kIdxFiles,
                                  "format = \"npz\"\ntrain_file = \"mnist.npz\"\n"
                                  "test_file = \"mnist.npz\"\ntest_arrays = [\"x\", \"y\"]\n");
  const Config config = valid(toml);
  EXPECT_EQ(config.data.format, data::Format::kNpz);
  EXPECT_EQ(config.data.train_file, "/etc/skiptrain/mnist.npz");
  EXPECT_EQ(config.data.test_file, config.data.train_file);
  EXPECT_THAT(config.data.train_arrays, ElementsAre("x_train", "y_train"));
  EXPECT_THAT(config.data.test_arrays, ElementsAre("x", "y"));
  const auto again = parse(to_toml(config));
  ASSERT_TRUE(again.has_value()) << again.error().message << "\n" << to_toml(config);
  EXPECT_EQ(*again, config);
  EXPECT_EQ(run_fingerprint(config), run_fingerprint(valid(edited("\"x\"", "\"z\"", toml))))
      << "what a node calls its arrays is its own affair";
}

TEST(ConfigTest, CsvFilesAndTheirLabelColumnSurviveARoundTrip) {
  const std::string toml = edited(kIdxFiles,
                                  "format = \"csv\"\ntrain_file = \"train.csv\"\n"
                                  "test_file = \"test.csv\"\nlabel_column = \"kind\"\n");
  const Config config = valid(toml);
  EXPECT_EQ(config.data.format, data::Format::kCsv);
  EXPECT_EQ(config.data.test_file, "/etc/skiptrain/test.csv");
  EXPECT_EQ(config.data.label_column, "kind");
  const auto again = parse(to_toml(config));
  ASSERT_TRUE(again.has_value()) << again.error().message << "\n" << to_toml(config);
  EXPECT_EQ(*again, config);
  EXPECT_NE(run_fingerprint(config), run_fingerprint(valid(edited("\"kind\"", "\"age\"", toml))))
      << "all nodes learn the same column";
}

TEST(ConfigTest, PixelsAreNormalizedAsFashionMnistUnlessSaid) {
  const data::PixelStatistics pixels = data::usual_statistics(data::Format::kIdx);
  EXPECT_EQ(valid().data.mean, std::vector<double>{pixels.mean});
  EXPECT_EQ(valid().data.std, std::vector<double>{pixels.std});
}

TEST(ConfigTest, ReloadMayChangeOnlyLiveKeys) {
  const Config running = valid();
  const Config live =
      valid(with("[log]\nlevel = \"warn\"\n[round]\ndeadline = \"5s\"\nevaluate_every = 4\n"
                 "evaluate_samples = 100\n"));
  EXPECT_THAT(differences_needing_restart(running, live), IsEmpty());
  EXPECT_THAT(differences_needing_restart(running, valid(edited("rounds = 80", "rounds = 81"))),
              ElementsAre("run.rounds: 80 to 81 needs a restart"));
  EXPECT_THAT(differences_needing_restart(running, valid(edited(":7403", ":7404"))),
              ElementsAre(HasSubstr("cluster.nodes")));
  EXPECT_THAT(differences_needing_restart(running, valid(with("[energy]\nbudget_wh = 1\n"))),
              ElementsAre("energy.budget_wh: not set to 1.0 needs a restart"));
}

TEST(ConfigTest, DefaultsFollowTheOptimizer) {
  const auto trained = [](const std::string& more) {
    return valid(with("[train]\n" + more)).train;
  };
  EXPECT_EQ(trained("").lr, 0.1);
  EXPECT_EQ(trained("optimizer = \"sgd\"\n").lr, 0.1);
  const TrainSettings adam = trained("optimizer = \"adam\"\n");
  EXPECT_EQ(adam.lr, 0.001);
  EXPECT_EQ(adam.weight_decay, 0.0);
  EXPECT_EQ(adam.beta1, 0.9);
  EXPECT_EQ(adam.beta2, 0.999);
  EXPECT_EQ(adam.epsilon, 1e-8);
  const TrainSettings adamw = trained("optimizer = \"adamw\"\n");
  EXPECT_EQ(adamw.lr, 0.001);
  EXPECT_EQ(adamw.weight_decay, 0.01);
  const TrainSettings told = trained("optimizer = \"adamw\"\nlr = 0.1\nweight_decay = 0\n");
  EXPECT_EQ(told.lr, 0.1);
  EXPECT_EQ(told.weight_decay, 0.0);
}

TEST(ConfigTest, WritesTheTrainingThatItReadsBack) {
  for (const char* more : {
           "optimizer = \"adamw\"\n",
           "optimizer = \"adamw\"\nlr = 0.1\nweight_decay = 0\n",
           "optimizer = \"adam\"\nlr = 0.002\nbeta1 = 0.8\nbeta2 = 0.99\nepsilon = 1e-6\n",
           "momentum = 0.9\nnesterov = true\nclip_norm = 1.5\n",
           "lr_schedule = \"step\"\nlr_step_size = 30\nlr_gamma = 0.5\n",
           "lr_schedule = \"cosine\"\nlr_floor = 0.05\n",
       }) {
    const Config config = valid(with(std::string("[train]\n") + more));
    const std::string text = to_toml(config);
    const auto again = parse(text);
    ASSERT_TRUE(again.has_value()) << again.error().message << "\n" << text;
    EXPECT_EQ(*again, config) << text;
    EXPECT_EQ(run_fingerprint(*again), run_fingerprint(config));
    EXPECT_NE(config.train, valid().train);
  }
}

TEST(ConfigTest, ACompressionAndItsStepSurviveARoundTrip) {
  const Config config =
      valid(with("[exchange]\nconsensus_step = 0.3\ncompression = \"top-k:0.10\"\n"));
  EXPECT_EQ(config.exchange.compression.packing, Packing::kTopK);
  EXPECT_EQ(config.exchange.compression.fraction, 0.1);
  EXPECT_EQ(config.exchange.compression.consensus_step(), 0.3);
  EXPECT_THAT(to_toml(config), HasSubstr("compression = \"top-k:0.1\""));
  const auto again = parse(to_toml(config));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*again, config);
}

TEST(RunFingerprintTest, KnowsOfACompressionAndNotOfTheDefault) {
  const auto print = [](const std::string& more) {
    return run_fingerprint(valid(with("[exchange]\n" + more)));
  };
  const Fingerprint without = run_fingerprint(valid());
  EXPECT_EQ(print("compression = \"none\"\nconsensus_step = 0.0\n"), without)
      << "a daemon from before there was the key is of the same run";
  EXPECT_NE(print("compression = \"int8\"\n"), without);
  EXPECT_NE(print("compression = \"int8\"\n"), print("compression = \"bf16\"\n"));
  EXPECT_NE(print("compression = \"top-k:0.1\"\n"), print("compression = \"top-k:0.2\"\n"));
  EXPECT_NE(print("compression = \"int8\"\nconsensus_step = 0.5\n"),
            print("compression = \"int8\"\n"));
}

TEST(RunFingerprintTest, IsThatOfTheSettingsHoweverTheyCameAbout) {
  EXPECT_EQ(run_fingerprint(valid(with("[train]\noptimizer = \"adam\"\n"))),
            run_fingerprint(valid(with("[train]\noptimizer = \"adam\"\nlr = 0.001\n"))));
}

TEST(RunFingerprintTest, ChangesWithEverySettingOfAnOptimizerOrASchedule) {
  const auto print = [](const std::string& more) {
    return run_fingerprint(valid(with("[train]\n" + more)));
  };
  const std::string adam = "optimizer = \"adam\"\n";
  for (const char* more : {"beta1 = 0.8\n", "beta2 = 0.99\n", "epsilon = 1e-6\n", "lr = 0.1\n"}) {
    EXPECT_NE(print(adam + more), print(adam)) << more;
  }
  EXPECT_NE(print("momentum = 0.9\nnesterov = true\n"), print("momentum = 0.9\n"));
  const std::string step = "lr_schedule = \"step\"\nlr_step_size = 9\n";
  EXPECT_NE(print(step + "lr_gamma = 0.5\n"), print(step));
  EXPECT_NE(print("lr_schedule = \"step\"\nlr_step_size = 8\n"), print(step));
  const std::string cosine = "lr_schedule = \"cosine\"\n";
  EXPECT_NE(print(cosine + "lr_floor = 0.5\n"), print(cosine));
}

TEST(RunFingerprintTest, IgnoresWhatIsANodesOwnAffair) {
  const Fingerprint mine = run_fingerprint(valid());
  std::string other = edited("id = 1\n", "id = 7\n");
  other = edited("/tmp/n1", "/tmp/n7", other);
  other = edited(":7403", ":9999", other);
  other = edited("\"ti\"", "\"/data/ti\"", other);
  other += "[schedule]\npolicy = \"dpsgd\"\n[energy]\nbudget_wh = 1\n[log]\nlevel = \"off\"\n";
  other += "[round]\nquorum = 0.5\n";
  EXPECT_EQ(run_fingerprint(valid(other)), mine);
}

TEST(RunFingerprintTest, ChangesWithEverySharedSetting) {
  const Fingerprint mine = run_fingerprint(valid());
  const std::string changed[] = {
      edited("id = \"r\"", "id = \"s\""),
      edited("id = \"c\"", "id = \"d\""),
      edited("rounds = 80", "rounds = 81"),
      edited("rounds = 80", "rounds = 80\nseed = 2"),
      edited("gn-lenet", "lenet5"),
      edited("id = 3", "id = 4"),
      edited("\"ring\"", "\"star\""),
      with("partition = \"shards:2\"\n"),
      with("train_limit = 10\n"),
      with("mean = 0.5\n"),
      with("std = 0.5\n"),
      with("[train]\nlocal_steps = 11\n"),
      with("[train]\nlocal_epochs = 1\n"),
      with("[train]\nbatch_size = 33\n"),
      with("[train]\nlr = 0.2\n"),
      with("[train]\noptimizer = \"adam\"\n"),
      with("[train]\noptimizer = \"adamw\"\n"),
      with("[train]\nmomentum = 0.1\n"),
      with("[train]\nclip_norm = 1\n"),
      with("[train]\nlr_schedule = \"cosine\"\n"),
      with("[train]\nlr_schedule = \"step\"\nlr_step_size = 9\n"),
      with("[train]\nweight_decay = 0.1\n"),
      with("[train]\nkeep_optimizer_state = true\n"),
      edited("name = \"gn-lenet\"", "name = \"gn-lenet\"\nfrozen = [\"conv1.*\"]"),
      edited("name = \"gn-lenet\"", "file = \"m.pt\""),
      with("[round]\nmode = \"async\"\n"),
      with("[round]\nmax_staleness = 9\n"),
  };
  for (const std::string& toml : changed) EXPECT_NE(run_fingerprint(valid(toml)), mine) << toml;
}

TEST(ConfigTest, AModelsFileStartsAtTheConfigsFolder) {
  const Config config = valid(edited("name = \"gn-lenet\"", "file = \"m.pt\"\nclasses = 12"));
  EXPECT_EQ(config.model.file, "/etc/skiptrain/m.pt");
  EXPECT_EQ(config.model.name, "");
  EXPECT_EQ(config.model.label(), "m.pt");
  EXPECT_EQ(valid().model.label(), "gn-lenet");
  const auto again = parse(to_toml(config));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, config);
}

// Of a model's file counts what is in it, and not where it lies.
TEST(ConfigTest, TheFingerprintIsOfTheModelsFilesContent) {
  const Config here = valid(edited("name = \"gn-lenet\"", "file = \"m.pt\""));
  const Config there = valid(edited("name = \"gn-lenet\"", "file = \"/srv/n.pt\""));
  EXPECT_EQ(run_fingerprint(here, Fingerprint(1)), run_fingerprint(there, Fingerprint(1)));
  EXPECT_NE(run_fingerprint(here, Fingerprint(1)), run_fingerprint(here, Fingerprint(2)));
}

class ConfigFileTest : public ::testing::Test {
 protected:
  ConfigFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "config-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
    folder_ = name;
  }
  ~ConfigFileTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& file, const std::string& text) {
    std::ofstream(folder_ / file) << text;
  }
  Result<Config> load_with_topology(const std::string& edges) {
    write("edges.txt", edges);
    write("node.toml", edited("\"ring\"", "\"file:edges.txt\""));
    return load_config(folder_ / "node.toml");
  }

  std::filesystem::path folder_;
};

TEST_F(ConfigFileTest, TopologyFileLiesBesideTheConfig) {
  const auto config = load_with_topology("3\n0 1\n1 2\n");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->cluster.graph.edges().size(), 2u);
  EXPECT_EQ(config->cluster.topology, "file:" + (folder_ / "edges.txt").string());

  // The edges count, wherever the file lies; and other edges under the same name are noticed.
  const auto other = load_with_topology("3\n0 2\n1 2\n");
  ASSERT_TRUE(other.has_value());
  EXPECT_NE(run_fingerprint(*other), run_fingerprint(*config));
  EXPECT_THAT(differences_needing_restart(*config, *other),
              ElementsAre(HasSubstr("cluster.topology")));
}

TEST_F(ConfigFileTest, RefusesATopologyFileThatDoesNotFit) {
  const auto expect_refused = [&](const std::string& edges, const std::string& why) {
    const auto config = load_with_topology(edges);
    ASSERT_FALSE(config.has_value()) << edges;
    EXPECT_THAT(config.error().message, HasSubstr("node.toml:6: cluster.topology"));
    EXPECT_THAT(config.error().message, HasSubstr("edges.txt"));
    EXPECT_THAT(config.error().message, HasSubstr(why));
  };
  expect_refused("4\n0 1\n1 2\n2 3\n", "4 nodes");
  expect_refused("3\n0 1\n", "connected");
  expect_refused("3\n0 1\n1 9\n", "edges.txt:3");
  expect_refused("3\n0 1\n1 0\n1 2\n", "asymmetric");
  std::filesystem::remove(folder_ / "edges.txt");
  EXPECT_THAT(load_config(folder_ / "node.toml").error().message, HasSubstr("cannot read"));
}

TEST_F(ConfigFileTest, SaysWhichFileCannotBeRead) {
  const auto missing = load_config(folder_ / "no.toml");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("no.toml"));
  EXPECT_FALSE(load_config(folder_).has_value());
  write("big.toml", std::string(kMaxConfigBytes + 1, '#'));
  EXPECT_THAT(load_config(folder_ / "big.toml").error().message, HasSubstr("at most"));
}

}  // namespace
}  // namespace skiptrain::daemon
