// Daemons that learn numbers in place of classes: from a table to what skipctl says of the model.
#include <cmath>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

// Two features and, of them, what an appliance draws and whether it is on.
std::string table(std::size_t rows, std::uint64_t seed) {
  Rng rng(seed);
  std::ostringstream out;
  out << "a,watts,b,on\n";
  for (std::size_t row = 0; row < rows; ++row) {
    const double a = 2 * rng.uniform() - 1;
    const double b = 2 * rng.uniform() - 1;
    out << a << ',' << 3 * a - 2 * b + 1 << ',' << b << ',' << (a > b ? 1 : 0) << '\n';
  }
  return out.str();
}

class ValuesTest : public ::testing::Test {
 protected:
  ValuesTest() {
    for (const char* key :
         {"data.train_images", "data.train_labels", "data.test_images", "data.test_labels"}) {
      cluster_.set(key, std::nullopt);
    }
    write_file(train_, table(400, 1));
    write_file(test_, table(100, 2));
    cluster_.set("data.format", "\"csv\"");
    cluster_.set("data.train_file", "\"" + train_ + "\"");
    cluster_.set("data.test_file", "\"" + test_ + "\"");
    cluster_.set("train.loss", "\"mean-squared-error\"");
    cluster_.set("data.target_columns", R"(["watts"])");
    cluster_.set("train.local_steps", "60");
    cluster_.set("train.lr", "0.05");
    cluster_.set("run.rounds", "15");
  }

  TestCluster cluster_{3};
  const std::string train_ = cluster_.dir() / "train.csv";
  const std::string test_ = cluster_.dir() / "test.csv";
};

TEST_F(ValuesTest, ThreeNodesFitATable) {
  cluster_.set("round.evaluate_every", "5");
  cluster_.start_all();
  ASSERT_TRUE(cluster_.wait_until_finished()) << cluster_.describe();
  for (std::size_t node = 0; node < cluster_.size(); ++node) {
    const Answer evaluated = cluster_.ask(node, {"eval"});
    ASSERT_EQ(evaluated.exit_code, kOk) << evaluated.err;
    // The variance of what is learned is above 4.
    EXPECT_LT(evaluated.json.at("loss"), 0.01) << evaluated.out;
    EXPECT_LT(evaluated.json.at("mean_absolute_error"), 0.1);
    EXPECT_GT(evaluated.json.at("mean_absolute_error"), 0.0);
    EXPECT_TRUE(evaluated.json.at("accuracy").is_null());
    EXPECT_TRUE(evaluated.json.at("top_k").is_null());
    EXPECT_TRUE(evaluated.json.at("per_class").empty());
  }
  const Json last = cluster_.status(0).at("last_evaluation");
  EXPECT_LT(last.at("loss"), 0.01);
  EXPECT_TRUE(last.at("accuracy").is_null());
  EXPECT_NE(cluster_.log(0).find("mean absolute error 0.0"), std::string::npos) << cluster_.log(0);
}

TEST_F(ValuesTest, TheHistoryOfARestartedNodeHasNoAccuracyEither) {
  cluster_.set("round.evaluate_every", "1");
  cluster_.start_all();
  ASSERT_TRUE(cluster_.wait_until_finished()) << cluster_.describe();
  const auto evaluated = [&] {
    std::size_t count = 0;
    for (const Json& round : cluster_.rounds(0)) {
      EXPECT_TRUE(round.at("accuracy").is_null()) << round;
      if (!round.at("test_loss").is_null()) ++count;
    }
    return count;
  };
  ASSERT_TRUE(eventually([&] { return !cluster_.rounds(0).back().at("test_loss").is_null(); }));
  const std::size_t before = evaluated();
  cluster_.process(0).signal(SIGTERM);
  ASSERT_EQ(cluster_.process(0).wait(), (Exit{0, 0})) << cluster_.log(0);
  cluster_.start(0);
  ASSERT_TRUE(cluster_.wait_for_phase(0, "finished")) << cluster_.describe();
  EXPECT_GE(before, 1u);
  EXPECT_EQ(evaluated(), before);
}

TEST_F(ValuesTest, BinaryOutputsHaveAnAccuracyEach) {
  cluster_.set("train.loss", "\"binary-cross-entropy\"");
  cluster_.set("data.target_columns", R"(["on"])");
  cluster_.set("train.lr", "0.5");
  cluster_.start_all();
  ASSERT_TRUE(cluster_.wait_until_finished()) << cluster_.describe();
  const Answer evaluated = cluster_.ask(0, {"eval"});
  ASSERT_EQ(evaluated.exit_code, kOk) << evaluated.err;
  EXPECT_GT(evaluated.json.at("accuracy"), 0.9) << evaluated.out;
  ASSERT_EQ(evaluated.json.at("per_class").size(), 1u);
  EXPECT_EQ(evaluated.json.at("per_class").at(0).at("samples"), 100);
  EXPECT_TRUE(evaluated.json.at("mean_absolute_error").is_null());
}

TEST_F(ValuesTest, ATargetThatIsNoneIsNamedWithFileLineAndColumn) {
  write_file(train_, "a,watts,b,on\n1,2,3,0\n4,nan,5,1\n7,8,9,0\n");
  cluster_.set("data.partition", "\"all\"");
  cluster_.start(0);
  EXPECT_NE(cluster_.process(0).wait(), (Exit{0, 0}));
  EXPECT_NE(cluster_.log(0).find(train_ + ":3: column \"watts\": \"nan\": must be a finite number"),
            std::string::npos)
      << cluster_.log(0);
}

TEST_F(ValuesTest, ATargetBeyondOneIsRefusedForBinaryCrossEntropy) {
  cluster_.set("train.loss", "\"binary-cross-entropy\"");
  cluster_.set("data.partition", "\"all\"");
  write_file(train_, "a,watts,b,on\n1,0.5,3,0\n4,1.25,5,1\n");
  cluster_.start(0);
  EXPECT_NE(cluster_.process(0).wait(), (Exit{0, 0}));
  EXPECT_NE(cluster_.log(0).find(train_ + ":3: column \"watts\": \"1.25\": must be from 0 to 1"),
            std::string::npos)
      << cluster_.log(0);
}

}  // namespace
}  // namespace skiptrain::integration
