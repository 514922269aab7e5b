#include "store/safetensors.h"

#include <sys/stat.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/rng.h"

namespace skiptrain::store {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kName = "model.safetensors";

ParameterLayout small_layout() {
  ParameterLayout layout;
  layout.append("conv.weight", {2, 1, 3});
  layout.append("conv.bias", {2});
  layout.append("scale", {});
  return layout;
}

std::vector<float> small_values() {
  return {0, 1, 2, 3, 4, 5, -6.5f, 7, std::ldexp(1.0f, -149)};
}

std::string encoded(const ModelFileInfo& info = {.round = Round(12), .run_id = "run-1"}) {
  const auto file = encode_safetensors(small_layout(), small_values(), info);
  EXPECT_TRUE(file) << file.error().message;
  return *file;
}

Result<ModelFile> decode(const std::string& file, const ParameterLayout* expected = nullptr) {
  return decode_safetensors(std::as_bytes(std::span(file)), kName, expected);
}

std::vector<float> values_of(const ModelFile& file) {
  const auto values = file.parameters->values();
  return {values.begin(), values.end()};
}

// A file of the given header text and data, with a right length in front.
std::string file_of(const std::string& json, const std::string& data) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(json.size() >> (8 * i) & 0xff);
  return file + json + data;
}

void expect_refused(const std::string& file, ErrorCode code, const std::string& part,
                    const ParameterLayout* expected = nullptr) {
  const auto model = decode(file, expected);
  ASSERT_FALSE(model) << "accepted; expected: " << part;
  EXPECT_EQ(model.error().code, code) << model.error().message;
  EXPECT_THAT(model.error().message, StartsWith(std::string(kName) + ": "));
  EXPECT_THAT(model.error().message, HasSubstr(part));
}

TEST(SafetensorsTest, ReadsBackWhatItWrote) {
  const auto layout = small_layout();
  const auto model =
      decode(encoded({.round = Round(12), .run_id = "run-1", .extra = {{"node", "3"}}}), &layout);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(values_of(*model), small_values());
  EXPECT_EQ(model->layout, layout);
  EXPECT_EQ(model->info.round, Round(12));
  EXPECT_EQ(model->info.run_id, "run-1");
  EXPECT_EQ(model->info.extra, (std::map<std::string, std::string>{{"node", "3"}}));
}

TEST(SafetensorsTest, ReadsBackTheLayoutItself) {
  const auto model = decode(encoded());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->layout, small_layout());
}

TEST(SafetensorsTest, WritesThePublishedFormat) {
  const std::string file = encoded();
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  EXPECT_EQ((8 + length) % 8, 0u) << "the data must be aligned";
  ASSERT_EQ(file.size(), 8 + length + 9 * sizeof(float));
  const auto header = nlohmann::json::parse(file.substr(8, length));
  EXPECT_EQ(header["conv.weight"]["dtype"], "F32");
  EXPECT_EQ(header["conv.weight"]["shape"], (std::vector<int>{2, 1, 3}));
  EXPECT_EQ(header["conv.bias"]["data_offsets"], (std::vector<int>{24, 32}));
  EXPECT_EQ(header["scale"]["shape"], nlohmann::json::array());
  EXPECT_EQ(header["__metadata__"]["round"], "12");
  EXPECT_EQ(header["__metadata__"]["run_id"], "run-1");
  float third = 0;
  std::memcpy(&third, file.data() + 8 + length + 8, sizeof third);
  EXPECT_EQ(third, 2.0f);
}

TEST(SafetensorsTest, PutsForeignOrderIntoTheLayoutsOrder) {
  const std::string json = R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                           R"("a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})";
  const std::vector<float> data{1, 2, 3};
  const std::string file =
      file_of(json, std::string(reinterpret_cast<const char*>(data.data()), 12));
  ParameterLayout layout;
  layout.append("a", {2});
  layout.append("b", {1});
  const auto model = decode(file, &layout);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(values_of(*model), (std::vector<float>{2, 3, 1}));
  EXPECT_EQ(model->info.round, std::nullopt);
}

TEST(SafetensorsTest, RefusesAnotherModel) {
  auto more = small_layout();
  more.append("fc.bias", {1});
  expect_refused(encoded(), ErrorCode::kMismatch, "\"fc.bias\" is missing", &more);
  ParameterLayout fewer;
  fewer.append("conv.weight", {2, 1, 3});
  fewer.append("scale", {});
  expect_refused(encoded(), ErrorCode::kMismatch, "\"conv.bias\"", &fewer);
  ParameterLayout reshaped;
  reshaped.append("conv.weight", {2, 3, 1});
  reshaped.append("conv.bias", {2});
  reshaped.append("scale", {});
  expect_refused(encoded(), ErrorCode::kMismatch, "shape [2,1,3], but the model's is [2,3,1]",
                 &reshaped);
}

TEST(SafetensorsTest, RefusesEveryTruncation) {
  const std::string file = encoded();
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(decode(file.substr(0, size))) << "accepted the first " << size << " bytes";
  }
  expect_refused(file.substr(0, file.size() - 1), ErrorCode::kCorrupt, "truncated");
}

TEST(SafetensorsTest, RefusesTrailingBytes) {
  expect_refused(encoded() + "x", ErrorCode::kCorrupt, "1 trailing bytes");
}

TEST(SafetensorsTest, ChecksumTellsDamage) {
  std::string file = encoded();
  file[file.size() - 5] ^= 1;
  expect_refused(file, ErrorCode::kCorrupt, "checksum");
}

TEST(SafetensorsTest, RefusesHostileLengths) {
  expect_refused(std::string(8, '\xff'), ErrorCode::kCorrupt, "header");
  std::string long_header(8, '\0');
  const std::uint64_t length = kMaxHeaderBytes + 1;
  std::memcpy(long_header.data(), &length, sizeof length);
  long_header.resize(8 + length, ' ');
  expect_refused(long_header, ErrorCode::kResourceExhausted, "limit");
}

TEST(SafetensorsTest, RefusesHostileHeaders) {
  const std::string data(8, '\0');
  const auto tensor = [](const std::string& dtype, const std::string& shape,
                         const std::string& offsets) {
    return R"({"t":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
           "}}";
  };
  const struct {
    std::string json;
    ErrorCode code;
    std::string part;
  } cases[] = {
      {"", ErrorCode::kCorrupt, "JSON object"},
      {"[]", ErrorCode::kCorrupt, "JSON object"},
      {"{\"t\":", ErrorCode::kCorrupt, "JSON object"},
      {"{}", ErrorCode::kCorrupt, "no tensor"},
      {R"({"t":7})", ErrorCode::kCorrupt, "entry is not"},
      {tensor("\"F16\"", "[4]", "[0,8]"), ErrorCode::kMismatch, "F16"},
      {tensor("1", "[2]", "[0,8]"), ErrorCode::kCorrupt, "dtype"},
      {tensor("\"F32\"", "[-2]", "[0,8]"), ErrorCode::kCorrupt, "no size"},
      {tensor("\"F32\"", "[2.5]", "[0,8]"), ErrorCode::kCorrupt, "no size"},
      {tensor("\"F32\"", "2", "[0,8]"), ErrorCode::kCorrupt, "shape"},
      {tensor("\"F32\"", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]", "[0,8]"), ErrorCode::kCorrupt,
       "16 numbers"},
      // 2^32 * 2^32 elements wrap around to none.
      {tensor("\"F32\"", "[4294967296,4294967296]", "[0,0]"), ErrorCode::kCorrupt, "larger"},
      {tensor("\"F32\"", "[18446744073709551615]", "[0,8]"), ErrorCode::kCorrupt, "larger"},
      {tensor("\"F32\"", "[0,18446744073709551615]", "[0,0]"), ErrorCode::kCorrupt, "larger"},
      {tensor("\"F32\"", "[2]", "[8,0]"), ErrorCode::kCorrupt, "outside"},
      {tensor("\"F32\"", "[2]", "[0,18446744073709551615]"), ErrorCode::kCorrupt, "outside"},
      {tensor("\"F32\"", "[2]", "[0]"), ErrorCode::kCorrupt, "two sizes"},
      {tensor("\"F32\"", "[1]", "[0,8]"), ErrorCode::kCorrupt, "needs 4"},
      {tensor("\"F32\"", "[1]", "[4,8]"), ErrorCode::kCorrupt, "gap"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       ErrorCode::kCorrupt, "overlaps"},
      {R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       ErrorCode::kCorrupt, "twice"},
      {R"({"__metadata__":[],"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       ErrorCode::kCorrupt, "__metadata__"},
      {R"({"__metadata__":{"a":1},"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       ErrorCode::kCorrupt, "no text"},
      {R"({"__metadata__":{"round":"x"},"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       ErrorCode::kCorrupt, "round"},
      {std::string(100'000, '['), ErrorCode::kCorrupt, "deep"},
  };
  for (const auto& [json, code, part] : cases) {
    SCOPED_TRACE(json.substr(0, 200));
    expect_refused(file_of(json, data), code, part);
  }
}

TEST(SafetensorsTest, SurvivesRandomDamage) {
  const std::string good = encoded();
  const auto layout = small_layout();
  Rng rng(7);
  int refused = 0;
  for (int trial = 0; trial < 5000; ++trial) {
    std::string bad = good;
    for (std::uint64_t flips = 1 + rng.below(4); flips > 0; --flips) {
      bad[rng.below(bad.size())] = static_cast<char>(rng.below(256));
    }
    const auto model = decode(bad, &layout);
    if (!model) {
      ++refused;
    } else {
      EXPECT_EQ(model->parameters->size(), small_values().size());
    }
  }
  EXPECT_GT(refused, 2500);
}

TEST(SafetensorsTest, RefusesMetadataThatIsNotText) {
  const auto file = encode_safetensors(small_layout(), small_values(), {.run_id = "\xff\xfe"});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(encode_safetensors(small_layout(), small_values(), {.extra = {{"round", "9"}}}));
}

class SafetensorsFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "store-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(SafetensorsFileTest, WritesAndReadsAFile) {
  const std::string path = folder_ / "x.safetensors";
  const auto layout = small_layout();
  ASSERT_TRUE(write_safetensors(path, layout, small_values(), {.round = Round(3)}));
  const auto model = read_safetensors(path, &layout);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(values_of(*model), small_values());
  EXPECT_EQ(model->info.round, Round(3));
}

TEST_F(SafetensorsFileTest, ReplacesTheOldFileAndLeavesNoOther) {
  const std::string path = folder_ / "x.safetensors";
  std::ofstream(path) << "old";
  ASSERT_TRUE(write_safetensors(path, small_layout(), small_values(), {}));
  ASSERT_TRUE(read_safetensors(path));
  const auto entries = std::distance(std::filesystem::directory_iterator(folder_), {});
  EXPECT_EQ(entries, 1);
}

TEST_F(SafetensorsFileTest, AFailedWriteLeavesTheOldFileAndNoTempFile) {
  // A folder in the file's place cannot be renamed over.
  const std::string path = folder_ / "x.safetensors";
  std::filesystem::create_directory(path);
  const auto written = write_safetensors(path, small_layout(), small_values(), {});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(written.error().message, StartsWith(path + ": cannot be replaced"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(SafetensorsFileTest, NamesAFolderThatIsNotThere) {
  const std::string path = folder_ / "nowhere" / "x";
  const auto written = write_safetensors(path, small_layout(), small_values(), {});
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr(path));
}

TEST_F(SafetensorsFileTest, NamesAFileThatCannotBeRead) {
  const std::string path = folder_ / "nowhere";
  const auto missing = read_safetensors(path);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, StartsWith(path + ": "));
  EXPECT_FALSE(read_safetensors(folder_));
  std::ofstream(path) << "abc";
  const auto brief = read_safetensors(path);
  ASSERT_FALSE(brief);
  EXPECT_EQ(brief.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace skiptrain::store
