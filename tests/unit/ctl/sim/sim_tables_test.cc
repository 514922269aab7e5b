// skiptrain-sim on data that are no images: tables and arrays of floats.
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
