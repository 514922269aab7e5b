// skiptrain-sim on data that are no images: tables and arrays of floats.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "ctl/sim/app.h"
#include "tests/unit/ctl/temp_dir.h"
#include "tests/unit/data/npz_files.h"

namespace skiptrain::ctl {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

// Four features of which two tell the class: their signs.
struct Table {
  std::vector<float> features;
  std::vector<std::int64_t> labels;
};

Table signs(std::size_t rows, std::uint64_t seed) {
  Rng rng(seed);
  Table table;
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<float> values;
    for (int i = 0; i < 4; ++i) values.push_back(static_cast<float>(2 * rng.uniform() - 1));
    for (int i = 0; i < 2; ++i) values[i] += values[i] < 0 ? -0.5f : 0.5f;
    table.features.insert(table.features.end(), values.begin(), values.end());
    table.labels.push_back((values[0] > 0 ? 2 : 0) + (values[1] > 0 ? 1 : 0));
  }
  return table;
}

class SimTablesTest : public ::testing::Test {
 protected:
  // Three nodes, six train rounds.
  ExitCode simulate(const std::vector<std::string>& more = {}) {
    std::ostringstream out;
    std::ostringstream err;
    Screen screen{out, err};
    std::vector<std::string> arguments = {
        "--nodes",       "3",          "--topology", "ring", "--rounds",     "6",
        "--policy",      "dpsgd",      "--model",    "mlp",  "--batch-size", "16",
        "--local-steps", "40",         "--lr",       "0.1",  "--partition",  "shards:2",
        "--dataset",     data_.path(), "-o",         "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ExitCode exit = run_simulator(arguments, screen);
    json_ = Json::parse(out.str(), nullptr, false);
    err_ = err.str();
    return exit;
  }
  void write_csv(const std::string& name, const Table& table) const {
    std::ofstream out(data_ / name);
    out << "a,b,direction,c,d\n";
    constexpr const char* kNames[] = {"sw", "nw", "se", "ne"};
    for (std::size_t row = 0; row < table.labels.size(); ++row) {
      const float* values = table.features.data() + 4 * row;
      out << values[0] << ',' << values[1] << ',' << kNames[table.labels[row]] << ',' << values[2]
          << ',' << values[3] << '\n';
    }
  }
  double accuracy() const { return json_.at("test_accuracy").at("mean").get<double>(); }

  TempDir data_;
  Json json_;
  std::string err_;
};

TEST_F(SimTablesTest, LearnsATableOfNamedClasses) {
  write_csv("train.csv", signs(600, 1));
  write_csv("test.csv", signs(200, 2));
  ASSERT_EQ(simulate({"--set", "data.label_column=direction"}), ExitCode::kOk) << err_;
  EXPECT_GT(accuracy(), 0.9);
}

TEST_F(SimTablesTest, LearnsFloatsOfAnArchive) {
  const Table train = signs(600, 1);
  const Table test = signs(200, 2);
  data::write_zip(data_ / "data.npz",
                  {{"x_train.npy", data::npy_floats("(600, 4)", train.features)},
                   {"y_train.npy", data::npy_integers("(600,)", train.labels)},
                   {"x_test.npy", data::npy_floats("(200, 4)", test.features)},
                   {"y_test.npy", data::npy_integers("(200,)", test.labels)}});
  ASSERT_EQ(simulate(), ExitCode::kOk) << err_;
  EXPECT_GT(accuracy(), 0.9);
}

// What a plane over the four features comes to, in place of the classes.
void write_plane(const std::string& file, const Table& table) {
  std::ofstream out(file);
  out << "a,b,c,d,height,slope\n";
  for (std::size_t row = 0; row < table.labels.size(); ++row) {
    const float* x = table.features.data() + 4 * row;
    for (int i = 0; i < 4; ++i) out << x[i] << ',';
    out << x[0] - 2 * x[1] + 0.5f << ',' << 3 * x[3] << '\n';
  }
}

TEST_F(SimTablesTest, FitsAPlane) {
  write_plane(data_ / "train.csv", signs(600, 1));
  write_plane(data_ / "test.csv", signs(200, 2));
  const std::vector<std::string> flags = {
      "--set",        "data.partition=iid",
      "--eval-every", "2",
      "--set",        "train.loss=mean-squared-error",
      "--set",        "data.target_columns=[\"height\", \"slope\"]",
      "--csv",        data_ / "out.csv",
      "--html",       data_ / "out.html"};
  ASSERT_EQ(simulate(flags), ExitCode::kOk) << err_;
  EXPECT_LT(json_.at("test_loss").at("max"), 0.01) << "of targets whose variance is above 3";
  EXPECT_TRUE(json_.at("test_accuracy").at("mean").is_null());
  EXPECT_TRUE(json_.at("per_node").at(0).at("test_accuracy").is_null());
  const Json& last = json_.at("series").back();
  EXPECT_TRUE(last.at("test_accuracy").at("mean").is_null());
  EXPECT_LT(last.at("node_test_loss").at(2), 0.01);
  EXPECT_TRUE(std::filesystem::exists(data_ / "out.html"));
}

TEST_F(SimTablesTest, LearnsSeveralLabelsAtOnce) {
  const auto write = [&](std::size_t rows, std::uint64_t seed) {
    const Table table = signs(rows, seed);
    std::vector<std::int64_t> both;
    for (const std::int64_t label : table.labels) {
      both.insert(both.end(), {label / 2, label % 2});
    }
    const std::string count = std::to_string(rows);
    return std::pair(data::npy_floats("(" + count + ", 4)", table.features),
                     data::npy_integers("(" + count + ", 2)", both));
  };
  const auto [x_train, y_train] = write(600, 1);
  const auto [x_test, y_test] = write(200, 2);
  data::write_zip(data_ / "data.npz", {{"x_train.npy", x_train},
                                       {"y_train.npy", y_train},
                                       {"x_test.npy", x_test},
                                       {"y_test.npy", y_test}});
  ASSERT_EQ(simulate({"--set", "data.partition=iid", "--set", "train.loss=binary-cross-entropy"}),
            ExitCode::kOk)
      << err_;
  EXPECT_GT(accuracy(), 0.9);
}

TEST_F(SimTablesTest, NumbersAreNotDealtByClass) {
  write_plane(data_ / "train.csv", signs(60, 1));
  write_plane(data_ / "test.csv", signs(20, 2));
  EXPECT_NE(simulate({"--set", "train.loss=mean-squared-error", "--set",
                      "data.target_columns=[\"height\"]"}),
            ExitCode::kOk);
  EXPECT_THAT(err_, HasSubstr("must be iid or all, since with train.loss"));
}

TEST_F(SimTablesTest, BothSetsHaveAsManyTargets) {
  data::write_zip(data_ / "data.npz", {{"x_train.npy", data::npy_floats("(2, 1)", {0, 1})},
                                       {"y_train.npy", data::npy_floats("(2, 2)", {0, 1, 2, 3})},
                                       {"x_test.npy", data::npy_floats("(2, 1)", {0, 1})},
                                       {"y_test.npy", data::npy_floats("(2,)", {0, 1})}});
  EXPECT_NE(simulate({"--set", "data.partition=all", "--set", "train.loss=mean-squared-error"}),
            ExitCode::kOk);
  EXPECT_THAT(err_, HasSubstr("a training sample has 2 targets, but a test sample 1"));
}

TEST_F(SimTablesTest, FloatsBesideBytesAreRefused) {
  data::write_zip(data_ / "data.npz", {{"x_train.npy", data::npy_floats("(2, 1)", {0, 1})},
                                       {"y_train.npy", data::npy_integers("(2,)", {0, 1})},
                                       {"x_test.npy", data::npy_bytes("(2, 1)", {0, 1})},
                                       {"y_test.npy", data::npy_integers("(2,)", {0, 1})}});
  EXPECT_EQ(simulate(), ExitCode::kError);
  EXPECT_THAT(err_, HasSubstr("the training set holds floats, but the test set bytes"));
}

TEST_F(SimTablesTest, AHoleIsNamedWithItsLineAndColumn) {
  std::ofstream(data_ / "train.csv") << "a,b,label\n1,2,0\n3,,1\n5,6,0\n";
  std::ofstream(data_ / "test.csv") << "a,b,label\n1,2,0\n";
  EXPECT_NE(simulate(), ExitCode::kOk);
  EXPECT_THAT(Json::parse(err_).at("message").get<std::string>(),
              HasSubstr(data_ / "train.csv:3: column \"b\": is empty: must be a number"));
}

}  // namespace
}  // namespace skiptrain::ctl
