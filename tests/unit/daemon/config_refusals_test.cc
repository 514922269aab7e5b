// What a config is refused for, and in which words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/config_fixture.h"

namespace skiptrain::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(const std::string& toml) {
  const auto config = parse(toml);
  EXPECT_FALSE(config.has_value()) << toml;
  if (config) return "";
  EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument);
  return config.error().message;
}

std::string at(int line, const std::string& rest) {
  return std::string(kFile) + ":" + std::to_string(line) + ": " + rest;
}

std::string with(const std::string& more) {
  return kValidToml + more;
}

TEST(ConfigRefusalsTest, ReportsEveryProblemInTheOrderOfLines) {
  EXPECT_EQ(refusal(with("std = 0\n[log]\nlevel = \"loud\"\n[run2]\n")),
            at(26, "data.std = 0: must be a number above 0, or a list of up to 64") + "\n" +
                at(28,
                   "log.level = \"loud\": must be one of \"trace\", \"debug\", \"info\", "
                   "\"warn\", \"error\", \"off\"") +
                "\n" + at(29, "[run2]: unknown table; did you mean \"run\"?"));
}

TEST(ConfigRefusalsTest, SuggestsTheKeyThatWasMeant) {
  EXPECT_EQ(refusal(edited("rounds = 80", "rounds = 80\nsead = 1")),
            at(19, "run.sead: unknown key; did you mean \"seed\"?"));
  EXPECT_EQ(refusal(edited("rounds = 80", "rounds = 80\npolicy = 1")),
            at(19, "run.policy: unknown key; it belongs in [schedule]"));
  EXPECT_EQ(refusal(edited("id = 7", "id = 7\nadress = 1")),
            at(9, "cluster.nodes[0].adress: unknown key; did you mean \"address\"?"));
  EXPECT_EQ(refusal(edited("rounds = 80", "rounds = 80\nxyzzyplugh = 1")),
            at(19, "run.xyzzyplugh: unknown key"));
  EXPECT_THAT(refusal("log = 3\n" + kValidToml), HasSubstr(at(1, "log = 3: must be a table")));
}

TEST(ConfigRefusalsTest, NamesWhatIsMissing) {
  EXPECT_THAT(refusal(edited("rounds = 80\n", "")), HasSubstr(at(16, "run.rounds: must be set")));
  const std::string all = refusal("");
  for (const char* key : {"node.id", "cluster.id", "cluster.topology", "cluster.nodes", "run.id",
                          "run.rounds", "model.name", "data.train_images", "data.test_labels"}) {
    EXPECT_THAT(all, HasSubstr(std::string(key) + ": must be"));
  }
}

TEST(ConfigRefusalsTest, AModelIsNamedOrAFile) {
  EXPECT_THAT(refusal(edited("name = \"gn-lenet\"", "")), HasSubstr("or model.file"));
  EXPECT_THAT(refusal(edited("name = \"gn-lenet\"", "name = \"mlp\"\nfile = \"m.pt\"")),
              HasSubstr("model.file = \"m.pt\": must be left out when model.name is set"));
  EXPECT_THAT(refusal(edited("name = \"gn-lenet\"", "file = \"\"")), HasSubstr("model.file"));
  EXPECT_THAT(refusal(edited("name = \"gn-lenet\"", "file = \"m.pt\"\nhidden = [8]")),
              HasSubstr("model.hidden = [ 8 ]: must be left out with model.file"));
  EXPECT_THAT(refusal(edited("name = \"gn-lenet\"", "name = \"mlp\"\nfrozen = [\"\"]")),
              HasSubstr("model.frozen"));
  EXPECT_THAT(refusal(kValidToml + "[train]\nloss = \"model\"\n"),
              HasSubstr("train.loss = \"model\": needs model.file"));
  EXPECT_THAT(refusal(kValidToml + "[train]\nloss = \"hinge\"\n"),
              HasSubstr("must be one of \"cross-entropy\", \"binary-cross-entropy\", "
                        "\"mean-squared-error\", \"model\""));
  EXPECT_TRUE(
      parse(edited("name = \"gn-lenet\"", "file = \"m.pt\"") + "[train]\nloss = \"model\"\n"));
}

TEST(ConfigRefusalsTest, ChecksTypeAndRangeOfEachKind) {
  const std::pair<const char*, const char*> cases[] = {
      {"[train]\nbatch_size = 0\n", "train.batch_size = 0: must be an integer from 1 to 65536"},
      {"[train]\nbatch_size = 3.5\n", "train.batch_size = 3.5: must be an integer"},
      {"[train]\nbatch_size = \"32\"\n", "train.batch_size = \"32\": must be an integer"},
      {"[train]\nlr = nan\n", "train.lr = nan: must be a number above 0"},
      {"[train]\nlr = inf\n", "train.lr = inf: must be a number above 0"},
      {"[train]\nmomentum = 1\n", "train.momentum = 1: must be a number from 0 to below 1"},
      {"[train]\nkeep_optimizer_state = 1\n", "must be true or false"},
      {"[train]\noptimizer = \"rmsprop\"\n",
       "train.optimizer = \"rmsprop\": must be one of \"sgd\", \"adam\", \"adamw\""},
      {"[train]\noptimizer = \"adam\"\nbeta1 = 1\n",
       "train.beta1 = 1: must be a number from 0 to below 1"},
      {"[train]\noptimizer = \"adam\"\nbeta2 = -0.1\n", "train.beta2 = -0.1: must be a number"},
      {"[train]\noptimizer = \"adam\"\nepsilon = 0\n",
       "train.epsilon = 0: must be a number above 0"},
      {"[train]\nclip_norm = -1\n", "train.clip_norm = -1: must be a number of 0 or more"},
      {"[train]\nclip_norm = inf\n", "train.clip_norm = inf: must be a number of 0 or more"},
      {"[train]\nlr_schedule = \"linear\"\n", "must be one of \"constant\", \"step\", \"cosine\""},
      {"[train]\nlr_schedule = \"step\"\nlr_step_size = 1\nlr_gamma = 0\n",
       "train.lr_gamma = 0: must be a number above 0 and at most 1"},
      {"[train]\nlr_schedule = \"step\"\nlr_step_size = 1000001\n",
       "train.lr_step_size = 1000001: must be an integer from 0 to 1000000"},
      {"[train]\nlr_schedule = \"cosine\"\nlr_floor = 1.1\n",
       "train.lr_floor = 1.1: must be a number from 0 to 1"},
      {"[schedule]\ngamma_train = 0\n", "gamma_train = 0: must be an integer from 1 to 1000000"},
      {"[schedule]\npolicy = \"sgd\"\n", "must be one of \"dpsgd\", \"skiptrain\""},
      {"[round]\ndeadline = \"5\"\n", "must be \"auto\" or a time from \"1ms\" to \"24h\""},
      {"[round]\ndeadline = 5\n", "round.deadline = 5: must be \"auto\" or a time"},
      {"[round]\nstart_timeout = \"auto\"\n", "must be a time from \"0s\""},
      {"[transport]\nkeepalive = \"999ms\"\n", "must be a time from \"1s\" to \"60m\""},
      {"[transport]\nchunk_bytes = 1048577\n", "must be an integer from 262144 to 1048576"},
      {"partition = \"shards:0\"\n", "data.partition = \"shards:0\": must be iid, shards:K"},
      {"partition = \"dirichlet:0\"\n", "dirichlet:ALPHA (ALPHA from 0.001 to 1000000)"},
      {"partition = \"dirichlet:0.0009\"\n", "(ALPHA from 0.001 to 1000000)"},
      {"train_limit = 4294967296\n",
       "data.train_limit = 4294967296: must be an integer from 0 to 4294967295"},
      {"[energy]\nbudget_fraction = 1.1\n", "must be a number from 0 to 1"},
      {"[energy]\nmeter = \"guess\"\n", "must be one of \"model\", \"rapl\""},
      {"[energy]\nmeter = \"constant\"\n", "needs energy.constant_watts"},
      {"[log]\nlevel = 2020-02-02\n", "log.level = 2020-02-02: must be one of"},
  };
  for (const auto& [toml, message] : cases) {
    EXPECT_THAT(refusal(with(toml)), HasSubstr(message)) << toml;
  }
  EXPECT_THAT(refusal(edited("name = \"gn-lenet\"", "name = \"mlp\"\nhidden = []")),
              HasSubstr("model.hidden = []: must be a list of 1 to 16 items"));
  EXPECT_THAT(refusal(edited("gn-lenet", "resnet")), HasSubstr("must be one of \"gn-lenet\""));
  EXPECT_THAT(refusal(edited("rounds = 80", "rounds = -1")), HasSubstr("of 0 or more"));
  EXPECT_THAT(refusal(edited("\"r\"", "\"a b\"")), HasSubstr("run.id = \"a b\": must be 1 to 64"));
  EXPECT_THAT(refusal(edited("\"/tmp/n1\"", "\"\"")), HasSubstr("must be a path, not empty"));
}

TEST(ConfigRefusalsTest, ASettingOfTrainingThatHasNoEffectIsRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {"optimizer = \"adam\"\nmomentum = 0.9\n",
       "train.momentum = 0.9: must be left out with train.optimizer = \"adam\", whose momentum is "
       "train.beta1"},
      {"optimizer = \"adamw\"\nnesterov = true\n", "train.nesterov = true: must be left out"},
      {"beta1 = 0.8\n",
       "train.beta1 = 0.8: must be left out with train.optimizer = \"sgd\"; it is for adam and "
       "adamw"},
      {"beta2 = 0.8\n", "train.beta2 = 0.8: must be left out"},
      {"epsilon = 0.1\n", "train.epsilon = 0.1: must be left out"},
      {"nesterov = true\n", "train.nesterov = true: needs train.momentum above 0"},
      {"lr_step_size = 5\n",
       "train.lr_step_size = 5: must be left out with train.lr_schedule = \"constant\"; it is for "
       "step"},
      {"lr_schedule = \"cosine\"\nlr_gamma = 0.5\n", "train.lr_gamma = 0.5: must be left out"},
      {"lr_schedule = \"step\"\nlr_step_size = 5\nlr_floor = 0.5\n",
       "train.lr_floor = 0.5: must be left out with train.lr_schedule = \"step\"; it is for "
       "cosine"},
      {"lr_schedule = \"step\"\n", "train.lr_step_size: must be set (rounds between two falls"},
      {"lr_schedule = \"step\"\nlr_step_size = 0\n", "train.lr_step_size = 0: must be at least 1"},
  };
  for (const auto& [toml, message] : cases) {
    EXPECT_THAT(refusal(with(std::string("[train]\n") + toml)), HasSubstr(message)) << toml;
  }
  EXPECT_TRUE(parse(with("[train]\noptimizer = \"adam\"\nmomentum = 0\nlr_floor = 0\n")))
      << "what holds anyway may be said";
}

// One mistake is one problem: what depends on a refused value is not judged.
TEST(ConfigRefusalsTest, WhatHangsOnARefusedOptimizerIsNotRefusedToo) {
  EXPECT_THAT(refusal(with("[train]\noptimizer = \"adamm\"\nbeta1 = 0.8\n")),
              Not(HasSubstr("beta1")));
  EXPECT_THAT(refusal(with("[train]\nmomentum = 2\nnesterov = true\n")),
              Not(HasSubstr("nesterov")));
  EXPECT_THAT(refusal(with("[train]\nlr_schedule = \"cosin\"\nlr_floor = 0.5\n")),
              Not(HasSubstr("lr_floor")));
}

TEST(ConfigRefusalsTest, FindsDuplicatesAndNodesThatAreNotThere) {
  EXPECT_THAT(refusal(edited("id = 7", "id = 3")),
              HasSubstr(at(14, "cluster.nodes[2].id = 3: must be unique; the entry on line 8")));
  EXPECT_THAT(refusal(edited(":7407", ":7403")), HasSubstr("[2].address = \"127.0.0.1:7403\""));
  EXPECT_THAT(refusal(edited("id = 1\n", "id = 2\n")),
              HasSubstr(at(2, "node.id = 2: must be the id of one of [[cluster.nodes]]")));
}

TEST(ConfigRefusalsTest, ChecksAddresses) {
  for (const char* address : {"", "127.0.0.1", "127.0.0.1:", ":7400", "127.0.0.1:70000",
                              "127.0.0.1:-1", "::1:7400", "[::1]", "[zz]:1", "a b:1", "h:1x"}) {
    EXPECT_THAT(refusal(edited("127.0.0.1:7407", address)), HasSubstr("must be HOST:PORT"))
        << address;
  }
  // Port 0 is for the node's own listener alone.
  EXPECT_THAT(refusal(edited(":7407", ":0")), HasSubstr("must have a port from 1 to 65535"));
  EXPECT_TRUE(parse(edited(":7401", ":0")).has_value());
  EXPECT_TRUE(parse(edited("127.0.0.1:7407", "[fe80::1]:7407")).has_value());
  EXPECT_TRUE(parse(edited("127.0.0.1:7407", "edge-7.example.org:7407")).has_value());
}

TEST(ConfigRefusalsTest, OpenListenerNeedsTheWordInsecure) {
  for (const char* host : {"0.0.0.0", "192.168.1.5", "[::]", "edge-1.local", "128.0.0.1"}) {
    const std::string open = edited("127.0.0.1:7401", std::string(host) + ":7401");
    EXPECT_THAT(refusal(open), HasSubstr("certificates are not there yet")) << host;
    EXPECT_TRUE(parse(open + "[security]\ninsecure = true\n").has_value()) << host;
  }
  for (const char* host : {"127.8.9.1", "[::1]", "localhost"}) {
    EXPECT_TRUE(parse(edited("127.0.0.1:7401", std::string(host) + ":7401")).has_value()) << host;
  }
  // What counts is where it listens, not how others reach it.
  const std::string relayed = edited("127.0.0.1:7401", "192.168.1.5:7401");
  EXPECT_TRUE(
      parse(edited("[cluster]", "listen = \"127.0.0.1:7401\"\n[cluster]", relayed)).has_value());
  EXPECT_THAT(refusal(edited("[cluster]", "listen = \"0.0.0.0:7401\"\n[cluster]")),
              HasSubstr(at(4, "node.listen = \"0.0.0.0:7401\": must be a loopback address")));
  EXPECT_THAT(refusal(with("[metrics]\nlisten = \"0.0.0.0:9464\"\n")),
              HasSubstr("metrics.listen = \"0.0.0.0:9464\": must be a loopback address"));
  EXPECT_THAT(refusal(with("[metrics]\nlisten = \":9464\"\n")),
              HasSubstr("metrics.listen = \":9464\": must be HOST:PORT"));
  EXPECT_TRUE(parse(with("[metrics]\nlisten = \"[::1]:0\"\n")).has_value());
}

TEST(ConfigRefusalsTest, ChoosesBetweenKeysThatExcludeEachOther) {
  EXPECT_THAT(refusal(with("[energy]\nbudget_wh = 1\nbudget_fraction = 0.5\n")),
              HasSubstr(at(28, "energy.budget_fraction = 0.5: must be left out")));
  EXPECT_THAT(refusal(with("[train]\nlocal_steps = 5\nlocal_epochs = 1\n")),
              HasSubstr(at(28, "train.local_epochs = 1: must be 0 or left out")));
}

// kValidToml with CIFAR-10 in place of its IDX files; [data] stands on line 21.
const std::string kIdxKeys =
    "train_images = \"ti\"\ntrain_labels = \"tl\"\ntest_images = \"vi\"\ntest_labels = \"vl\"\n";

TEST(ConfigRefusalsTest, EachDataFormatHasItsOwnKeys) {
  const auto data = [](const std::string& keys) { return edited(kIdxKeys, keys); };
  EXPECT_EQ(refusal(data("")),
            at(21, "data.train_images: must be set (IDX file, plain or gzip)") + "\n" +
                at(21, "data.train_labels: must be set (IDX file, plain or gzip)") + "\n" +
                at(21, "data.test_images: must be set (IDX file, plain or gzip)") + "\n" +
                at(21, "data.test_labels: must be set (IDX file, plain or gzip)"));
  EXPECT_EQ(refusal(with("directory = \"d\"\n")),
            at(26,
               "data.directory = \"d\": must be left out with data.format = \"idx\", whose files "
               "are data.train_images, data.train_labels, data.test_images and data.test_labels"));
  for (const std::string format : {"\"cifar-10\"", "\"cifar-100\""}) {
    EXPECT_EQ(refusal(data("format = " + format + "\n")),
              at(21, "data.directory: must be set (the folder with the files of data.format = " +
                         format + ")"));
    EXPECT_EQ(refusal(data("format = " + format + "\ndirectory = \"d\"\ntest_labels = \"vl\"\n")),
              at(24, "data.test_labels = \"vl\": must be left out with data.format = " + format +
                         ", whose files are found in data.directory"));
  }
}

TEST(ConfigRefusalsTest, TheFormatsOfNumpyAndCsvHaveTheirKeys) {
  const auto data = [](const std::string& keys) { return edited(kIdxKeys, keys); };
  EXPECT_EQ(refusal(data("format = \"npz\"\n")),
            at(21, "data.train_file: must be set (file .npz of NumPy)") + "\n" +
                at(21, "data.test_file: must be set (file .npz of NumPy)"));
  EXPECT_EQ(refusal(data("format = \"csv\"\ntrain_file = \"t\"\n")),
            at(21, "data.test_file: must be set (CSV file)"));
  EXPECT_EQ(
      refusal(data("format = \"csv\"\ntrain_file = \"t\"\ntest_file = \"v\"\n"
                   "test_labels = \"vl\"\n")),
      at(25,
         "data.test_labels = \"vl\": must be left out with data.format = \"csv\", whose files "
         "are data.train_file and data.test_file"));
  EXPECT_THAT(refusal(data("format = \"npy\"\n")),
              HasSubstr(at(21, "data.train_images: must be set (file .npy of NumPy)")));
  EXPECT_EQ(refusal(with("test_file = \"v\"\n")),
            at(26,
               "data.test_file = \"v\": must be left out with data.format = \"idx\", whose files "
               "are data.train_images, data.train_labels, data.test_images and data.test_labels"));
}

TEST(ConfigRefusalsTest, ArraysAndLabelColumnsHaveNames) {
  for (const std::string arrays :
       {"[]", "[\"x\"]", "[\"x\", \"y\", \"z\"]", "[\"\", \"y\"]", "\"x\"", "[1, 2]"}) {
    EXPECT_THAT(refusal(with("train_arrays = " + arrays + "\n")),
                HasSubstr("must be a list of two names, of the array of features and of that of "
                          "labels"))
        << arrays;
  }
  EXPECT_EQ(refusal(with("label_column = \"\"\n")),
            at(26, "data.label_column = \"\": must be the name of a column, not empty"));
}

TEST(ConfigRefusalsTest, AWrongDataFileKeyIsReportedOnce) {
  EXPECT_EQ(refusal(edited("\"vl\"", "\"\"")),
            at(25, "data.test_labels = \"\": must be a path, not empty"));
  EXPECT_EQ(refusal(edited(kIdxKeys, "format = \"cifar-10\"\ndirectory = 3\n")),
            at(23, "data.directory = 3: must be a string"));
  // Which keys belong to a format that does not exist is left open.
  EXPECT_EQ(refusal(edited(kIdxKeys, "format = \"cifar\"\ndirectory = \"d\"\n")),
            at(22,
               "data.format = \"cifar\": must be one of \"idx\", \"cifar-10\", \"cifar-100\", "
               "\"npy\", \"npz\", \"csv\", \"torch\", \"leaf\", \"images\""));
  EXPECT_THAT(refusal("[data\n"), Not(HasSubstr("must be set")));
}

TEST(ConfigRefusalsTest, TopologyMustExistForThisManyNodes) {
  EXPECT_THAT(refusal(edited("\"ring\"", "\"wheel\"")),
              HasSubstr(at(6, "cluster.topology = \"wheel\": must be ring, complete, star")));
  EXPECT_THAT(refusal(edited("\"ring\"", "\"regular:1\"")), HasSubstr(at(6, "cluster.topology")));
  EXPECT_THAT(refusal(edited("\"ring\"", "\"regular:3\"")), HasSubstr("degree"));
  EXPECT_THAT(refusal(edited("\"ring\"", "\"torus\"")), HasSubstr("torus"));
  EXPECT_THAT(refusal(edited("\"ring\"", "\"rings:65\"")), HasSubstr(at(6, "cluster.topology")));
  EXPECT_THAT(refusal(edited("\"ring\"", "\"epidemic:0\"")), HasSubstr(at(6, "cluster.topology")));
}

TEST(ConfigRefusalsTest, ExplainsWhatACompressionMustBe) {
  for (const char* bad : {"\"int4\"", "\"top-k\"", "\"top-k:0\"", "\"top-k:2\"", "8"}) {
    EXPECT_THAT(refusal(with(std::string("[exchange]\ncompression = ") + bad + "\n")),
                HasSubstr("must be none, bf16, fp16, int8 or top-k:F (F above 0 to 1, as in"))
        << bad;
  }
  EXPECT_THAT(refusal(with("[exchange]\nconsensus_step = 0.5\n")),
              HasSubstr("must be left out with exchange.compression = \"none\""));
  EXPECT_THAT(refusal(with("[exchange]\ncompression = \"int8\"\nconsensus_step = 1.5\n")),
              HasSubstr("exchange.consensus_step = 1.5: must be a number from 0 to 1"));
}

TEST(ConfigRefusalsTest, DifferencesNeedNeighboursThatStay) {
  const auto epidemic = [](const std::string& compression) {
    return edited("\"ring\"", "\"epidemic:1\"") + "[exchange]\ncompression = \"" + compression +
           "\"\n";
  };
  for (const char* compression : {"int8", "top-k:0.1"}) {
    EXPECT_THAT(refusal(epidemic(compression)),
                HasSubstr("must be none, bf16 or fp16 with cluster.topology = \"epidemic:1\""));
  }
  EXPECT_TRUE(parse(epidemic("bf16")).has_value());
}

// A node of a cluster whose nodes find each other.
const std::string kLivingToml = R"([node]
id = 7
data_dir = "/tmp/n7"
address = "127.0.0.1:7407"
[cluster]
id = "c"
[membership]
enabled = true
join = ["127.0.0.1:7400"]
[run]
id = "r"
rounds = 80
[model]
name = "mlp"
[data]
train_images = "a"
train_labels = "b"
test_images = "c"
test_labels = "d"
partition = "all"
)";

std::string living(const std::string& what, const std::string& instead) {
  std::string text = kLivingToml;
  const std::size_t place = text.find(what);
  EXPECT_NE(place, std::string::npos) << what;
  return text.replace(place, what.size(), instead);
}

TEST(LivingConfigTest, IsTheOnlyOneThatItListsAndKnowsItsDefaults) {
  const auto config = parse(kLivingToml);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->position(), 0u);
  EXPECT_EQ(config->cluster.topology, "rings:3");
  EXPECT_EQ(config->node.name, "node-7");
  EXPECT_EQ(config->node.listen, "127.0.0.1:7407");
  EXPECT_EQ(config->membership.listen, "127.0.0.1:7407");
  EXPECT_EQ(config->membership.keyring, "/tmp/n7/keyring");
  EXPECT_EQ(config->node.profile, "poco-x3");  // 7 mod 4
  const auto again = parse(to_toml(*config));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*again, *config);
}

TEST(LivingConfigTest, ABarrierNeedsEdgesThatBothEndsAgreeOn) {
  const auto with = [](const std::string& topology) {
    return living("id = \"c\"\n", "id = \"c\"\ntopology = \"" + topology + "\"\n") +
           "[round]\nmode = \"barrier\"\n";
  };
  EXPECT_TRUE(parse(with("rings:3")));
  EXPECT_THAT(refusal(with("epidemic:2")), HasSubstr("round.mode = \"barrier\": would wait"));
}

TEST(LivingConfigTest, NodesOfOneRunShareTheTopologyAndNotTheirIds) {
  const Fingerprint ours = run_fingerprint(*parse(kLivingToml));
  EXPECT_EQ(run_fingerprint(*parse(living("id = 7", "id = 8"))), ours);
  EXPECT_NE(run_fingerprint(*parse(living("id = \"c\"\n", "id = \"c\"\ntopology = \"ring\"\n"))),
            ours);
}

TEST(LivingConfigTest, RefusesWhatDoesNotGoTogether) {
  EXPECT_THAT(refusal(living("address = \"127.0.0.1:7407\"\n", "")),
              HasSubstr("node.address: must be set"));
  EXPECT_THAT(refusal(living("[run]", "[[cluster.nodes]]\nid = 7\naddress = \"h:1\"\n[run]")),
              HasSubstr("cluster.nodes: must be left out with membership.enabled"));
  EXPECT_THAT(refusal(living("partition = \"all\"", "partition = \"iid\"")),
              HasSubstr("data.shares: must be set"));
  EXPECT_THAT(refusal(living("partition = \"all\"", "shares = 4\nshare = 4")),
              HasSubstr("data.share = 4: must be less than data.shares, which is 4"));
  EXPECT_THAT(refusal(living("id = \"c\"\n", "id = \"c\"\ntopology = \"torus\"\n")),
              HasSubstr("does not exist for every number of nodes"));
  EXPECT_THAT(refusal(living("127.0.0.1:7400", "nowhere")),
              HasSubstr("a list of strings, each HOST:PORT"));
  EXPECT_THAT(refusal(living("address = \"127.0.0.1", "address = \"10.0.0.1")),
              HasSubstr("must be a loopback address"));
  EXPECT_THAT(refusal(living("join =", "tags = [\"no-value\"]\njoin =")),
              HasSubstr("\"KEY=VALUE\""));
  EXPECT_THAT(refusal(edited("id = 1\n", "id = 1\naddress = \"127.0.0.1:1\"\n")),
              HasSubstr("needs membership.enabled = true"));
}

TEST(ConfigRefusalsTest, ControlSocketMustFitAUnixAddress) {
  const std::string deep = "/" + std::string(kMaxSocketPathBytes, 'd');
  EXPECT_THAT(refusal(edited("/tmp/n1", deep)), HasSubstr("at most 107 bytes"));
  EXPECT_TRUE(parse(edited("/tmp/n1", deep) + "[control]\nsocket = \"/tmp/s\"\n").has_value());
}

TEST(ConfigRefusalsTest, TextThatIsNotTomlHasALineToo) {
  EXPECT_THAT(refusal("[node]\nid = \n"), HasSubstr(at(2, "not TOML: ")));
  EXPECT_THAT(refusal("a = 1\na = 2\n"), HasSubstr(at(2, "not TOML: ")));
  EXPECT_THAT(refusal(std::string("\x00\xff\xfe garbage", 11)), HasSubstr("not TOML: "));
  EXPECT_THAT(refusal("a = " + std::string(100'000, '[')), HasSubstr("not TOML: "));
}

TEST(ConfigRefusalsTest, LongAndOddValuesAreShownShortAndEscaped) {
  const std::string message = refusal(edited("\"r\"", "\"" + std::string(5000, 'x') + "\""));
  EXPECT_LT(message.size(), 300u);
  EXPECT_THAT(refusal(edited("\"r\"", "\"a\\u001bb\"")), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace skiptrain::daemon
