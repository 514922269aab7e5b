// skiptrain-sim on made-up CIFAR files: the model of the paper, and files that are wrong.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ctl/sim/app.h"
#include "ctl/sim/checkpoint.h"
#include "tests/unit/ctl/temp_dir.h"
#include "tests/unit/data/cifar_files.h"

namespace skiptrain::ctl {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class SimCifarTest : public ::testing::Test {
 protected:
  // Three nodes, two train rounds.
  ExitCode simulate() {
    std::ostringstream out;
    std::ostringstream err;
    Screen screen{out, err};
    const ExitCode exit =
        run_simulator({"--nodes",      "3",         "--topology",         "ring",
                       "--rounds",     "2",         "--policy",           "dpsgd",
                       "--model",      "gn-lenet",  "--local-steps",      "20",
                       "--batch-size", "1",         "--dataset",          data_.path(),
                       "--checkpoint", checkpoint_, "--checkpoint-every", "2",
                       "-o",           "json"},
                      screen);
    json_ = Json::parse(out.str(), nullptr, false);
    err_ = err.str();
    return exit;
  }
  std::size_t parameter_count() const {
    const auto checkpoint = read_checkpoint(checkpoint_);
    EXPECT_TRUE(checkpoint) << checkpoint.error().message;
    return checkpoint->snapshot.nodes[0].parameters->size();
  }
  void write(const std::string& name, const std::vector<std::uint8_t>& bytes) {
    std::ofstream(data_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }

  TempDir data_;
  TempDir dir_;
  std::string checkpoint_ = dir_ / "checkpoint";
  Json json_;
  std::string err_;
};

TEST_F(SimCifarTest, TrainsThePapersModelOnCifar10) {
  data::write_cifar10(data_.path(), 12);
  ASSERT_EQ(simulate(), ExitCode::kOk) << err_;
  EXPECT_EQ(parameter_count(), 89'834u);
  EXPECT_EQ(json_.at("train_rounds").at("total"), 3 * 2);
  // What the paper's model of energy says for 20 steps of batch 32 on the first three devices.
  EXPECT_NEAR(json_.at("energy_wh").at("total").get<double>(),
              2 * (0.006532875 + 0.005986076 + 0.002556283) / 32, 1e-8);
  EXPECT_TRUE(json_.at("test_accuracy").at("mean").is_number());
}

TEST_F(SimCifarTest, TrainsOnTheHundredClassesOfCifar100) {
  write("train.bin", data::cifar100_records(0, 60));
  write("test.bin", data::cifar100_records(0, 20));
  ASSERT_EQ(simulate(), ExitCode::kOk) << err_;
  EXPECT_EQ(parameter_count(), 89'834u + 90 * (1024 + 1));
}

TEST_F(SimCifarTest, AMissingBatchIsNamed) {
  data::write_cifar10(data_.path(), 12);
  std::filesystem::remove(data_ / "data_batch_4.bin");
  EXPECT_EQ(simulate(), ExitCode::kNotFound);
  EXPECT_THAT(err_, HasSubstr("--dataset " + data_.path() + ": there is no data_batch_4.bin"));
}

TEST_F(SimCifarTest, AWrongLabelIsNamedWithItsFileAndRecord) {
  data::write_cifar10(data_.path(), 12);
  write("data_batch_2.bin", data::cifar_record({77}, 0));
  EXPECT_EQ(simulate(), ExitCode::kError);
  EXPECT_THAT(err_, HasSubstr(data_ / "data_batch_2.bin"));
  EXPECT_THAT(err_, HasSubstr("record 0 (at byte 0): label 77: must be from 0 to 9"));
}

TEST_F(SimCifarTest, ATruncatedFileIsNamedWithItsRecord) {
  data::write_cifar10(data_.path(), 12);
  std::filesystem::resize_file(data_ / "test_batch.bin", 4000);
  EXPECT_EQ(simulate(), ExitCode::kError);
  EXPECT_THAT(err_, HasSubstr(data_ / "test_batch.bin"));
  EXPECT_THAT(err_, HasSubstr("ends 927 bytes into record 1"));
}

}  // namespace
}  // namespace skiptrain::ctl
