#include "data/npy_reader.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "data/mapped_file.h"
#include "tests/unit/data/npy_files.h"

namespace skiptrain::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<float> floats(const Array& array) {
  std::vector<float> values(array.bytes.size() / bytes_of(array.type.dtype));
  copy_floats(array.type, array.bytes, values);
  return values;
}

std::vector<std::int64_t> integers(const Array& array) {
  std::vector<std::int64_t> values(array.bytes.size() / bytes_of(array.type.dtype));
  copy_integers(array.type, array.bytes, values);
  return values;
}

class NpyReaderTest : public DataFilesTest {
 protected:
  Array read(const ByteString& bytes) const {
    auto array = read_npy(write("a.npy", bytes));
    EXPECT_TRUE(array) << array.error().message;
    return array ? *array : Array();
  }
  void expect_error(const ByteString& bytes, ErrorCode code, const std::string& part) const {
    const std::string file = write("bad.npy", bytes);
    const auto array = read_npy(file);
    ASSERT_FALSE(array) << "accepted what should be refused with: " << part;
    EXPECT_EQ(array.error().code, code) << array.error().message;
    EXPECT_THAT(array.error().message, StartsWith(file + ": "));
    EXPECT_THAT(array.error().message, HasSubstr(part));
  }
  void expect_bad_header(const std::string& header, const std::string& part) const {
    expect_error(npy_file(header, ByteString(24)), ErrorCode::kCorrupt, part);
  }
};

TEST_F(NpyReaderTest, ReadsWhatNumpySaves) {
  // numpy.save of numpy.array([[1, 2, 3], [4, 5, 6]], '<f4'), NumPy 1.24.
  ByteString bytes{0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 'v', 0};
  const std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.resize(127, ' ');
  bytes.push_back('\n');
  const ByteString values = little_endian<float>({1, 2, 3, 4, 5, 6});
  bytes.insert(bytes.end(), values.begin(), values.end());
  const Array array = read(bytes);
  EXPECT_EQ(array.type, (ArrayType{DType::kFloat32, false, {2, 3}}));
  EXPECT_THAT(floats(array), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(array.row(1).data(), array.bytes.data() + 12);
  EXPECT_EQ(array.row(1).size(), 12u);
}

TEST_F(NpyReaderTest, ReadsEveryTypeInEitherOrderOfBytes) {
  const auto of = [&](const char* descr, const ByteString& values) {
    return read(npy_file(npy_header(descr, "(2,)"), values));
  };
  EXPECT_THAT(floats(of("|b1", {0, 1})), ElementsAre(0, 1));
  EXPECT_THAT(integers(of("|b1", {2, 0})), ElementsAre(1, 0));
  EXPECT_THAT(integers(of("|u1", {7, 255})), ElementsAre(7, 255));
  EXPECT_THAT(floats(of("<u1", {7, 255})), ElementsAre(7, 255));
  EXPECT_THAT(integers(of("<i4", {1, 0, 0, 0, 254, 255, 255, 255})), ElementsAre(1, -2));
  EXPECT_THAT(integers(of(">i4", {0, 0, 0, 1, 255, 255, 255, 254})), ElementsAre(1, -2));
  EXPECT_THAT(floats(of(">i4", {0, 0, 0, 1, 255, 255, 255, 254})), ElementsAre(1, -2));
  EXPECT_THAT(integers(of(">i8", {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3})),
              ElementsAre(std::int64_t{1} << 32, 3));
  EXPECT_THAT(floats(of(">f4", {0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0})), ElementsAre(1, -2));
  EXPECT_THAT(floats(of("<f8", little_endian<double>({0.5, -3}))), ElementsAre(0.5, -3));
}

TEST_F(NpyReaderTest, AFloat64BeyondFloat32IsInfinite) {
  const auto values = floats(
      read(npy_file(npy_header("<f8", "(3,)"), little_endian<double>({1e300, -1e300, NAN}))));
  EXPECT_EQ(values[0], std::numeric_limits<float>::infinity());
  EXPECT_EQ(values[1], -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(values[2]));
}

TEST_F(NpyReaderTest, ReadsTheThreeVersionsAndEveryRank) {
  for (const int version : {1, 2, 3}) {
    const Array array = read(npy_file(npy_header("|u1", "(3, 1)"), {1, 2, 3}, version));
    EXPECT_EQ(array.type.shape, (std::vector<std::uint64_t>{3, 1})) << version;
    EXPECT_THAT(integers(array), ElementsAre(1, 2, 3)) << version;
  }
  EXPECT_THAT(integers(read(npy_integers("()", {7}))), ElementsAre(7));
  EXPECT_EQ(read(npy_bytes("(1, 1, 1, 1, 1, 1, 1, 1)", {9})).type.shape.size(), kMaxArrayRank);
  const Array none = read(npy_floats("(0, 5)", {}));
  EXPECT_EQ(none.type.row_count(), 0u);
  EXPECT_TRUE(none.bytes.empty());
}

TEST_F(NpyReaderTest, TakesTheKeysInAnyOrderAndEitherQuotes) {
  const Array array =
      read(npy_file("{\"shape\":(2,3,),'fortran_order':False,'descr':\"|u1\"}", ByteString(6)));
  EXPECT_EQ(array.type, (ArrayType{DType::kUint8, false, {2, 3}}));
}

TEST_F(NpyReaderTest, KeepsTheFileMappedAsLongAsACopyIsThere) {
  std::uint8_t seen = 0;
  {
    Array copy;
    {
      const Array array = read(npy_bytes("(3,)", {4, 5, 6}));
      copy = array;
    }
    std::filesystem::remove(path("a.npy"));
    seen = copy.bytes[2];
  }
  EXPECT_EQ(seen, 6);
}

TEST_F(NpyReaderTest, ALargeFileCostsNoMemory) {
  // 64 GB of holes, which take no room on the disk, and would not fit into memory.
  const std::string file = write("large.npy", npy_floats("(16777216, 1024)", {}));
  const auto header_bytes = std::filesystem::file_size(file);
  std::filesystem::resize_file(file, header_bytes + (std::uint64_t{1} << 36));
  const auto array = read_npy(file);
  ASSERT_TRUE(array) << array.error().message;
  std::vector<float> row(1024, 1.0f);
  copy_floats(array->type, array->row(16777215), row);
  EXPECT_EQ(row.back(), 0.0f);
}

TEST_F(NpyReaderTest, RefusesFortranOrder) {
  const std::string header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }";
  expect_error(npy_file(header, ByteString(24)), ErrorCode::kInvalidArgument,
               "Fortran order: must be in C order; in NumPy: numpy.save(path, "
               "numpy.ascontiguousarray(a))");
}

TEST_F(NpyReaderTest, RefusesOtherTypes) {
  for (const char* descr :
       {"<f2", "<u2", "|i1", "<c8", "<U5", "|O", "|f4", "=f4", "f4", "", "<f44", "<M8[ns]"}) {
    expect_error(npy_file(npy_header(descr, "(2, 3)"), ByteString(24)), ErrorCode::kInvalidArgument,
                 "must be one of b1, u1, i4, i8, f4, f8");
  }
  expect_error(
      npy_file("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }", ByteString(8)),
      ErrorCode::kInvalidArgument, "structured array");
}

TEST_F(NpyReaderTest, RefusesAHeaderThatIsNone) {
  const std::string descr = "'descr': '<f4'";
  const std::string order = "'fortran_order': False";
  const std::string shape = "'shape': (2, 3)";
  expect_bad_header("[]", "not a Python dictionary");
  expect_bad_header("{" + descr + ", " + order + "}", "must have 'descr'");
  expect_bad_header("{" + descr + ", " + order + ", " + shape + ", 'more': 1}", "the key 'more'");
  expect_bad_header("{" + descr + ", " + descr + "}", "each once");
  expect_bad_header("{" + descr + ", " + order + ", " + shape, "no closing brace");
  expect_bad_header("{" + descr + ", " + order + ", " + shape + "} x", "after its header");
  expect_bad_header("{" + descr + " " + order, "no closing brace");
  expect_bad_header("{'descr: 1", "not a Python dictionary");
  expect_bad_header("{'descr': 4}", "needs a text for 'descr'");
  expect_bad_header("{'fortran_order': 0}", "True or False");
  expect_bad_header("{'shape': 3}", "must be a tuple");
  expect_bad_header("{'shape': (3)}", "must be a tuple");
  expect_bad_header("{'shape': (-1, 3)}", "whole numbers");
  expect_bad_header("{'shape': (2 3)}", "must be a tuple");
  expect_bad_header("{'shape': (2, 3 4)}", "no closing bracket");
  expect_bad_header("{'shape': (99999999999999999999999, 1)}", "whole numbers");
  ByteString no_newline = npy_floats("(1,)", {1});
  no_newline[127] = ' ';
  expect_error(no_newline, ErrorCode::kCorrupt, "newline");
}

TEST_F(NpyReaderTest, RefusesWhatIsNoNpyFile) {
  expect_error({}, ErrorCode::kCorrupt, "must begin with");
  expect_error({'P', 'K', 3, 4}, ErrorCode::kCorrupt, "must begin with the bytes \\x93NUMPY");
  ByteString version = npy_floats("(1,)", {1});
  version[6] = 4;
  expect_error(version, ErrorCode::kCorrupt, "version 4.0: must be 1.0, 2.0 or 3.0");
  const auto nowhere = read_npy(path("nowhere"));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(read_npy(path("")));
}

TEST_F(NpyReaderTest, RefusesASizeThatIsNotTheFiles) {
  expect_error(npy_floats("(2, 3)", {1, 2, 3, 4, 5}), ErrorCode::kCorrupt,
               "truncated: declares f4 of shape (2, 3), 24 bytes, but holds only 20");
  expect_error(npy_floats("(2,)", {1, 2, 3}), ErrorCode::kCorrupt,
               "4 trailing bytes after the declared f4 of shape (2,): must hold one array");
}

TEST_F(NpyReaderTest, RefusesSizesBeyondTheLimits) {
  const auto refused = [&](const std::string& shape) {
    expect_error(npy_floats(shape, {1}), ErrorCode::kResourceExhausted, "limit");
  };
  refused("(4294967296, 4294967296)");  // 2^64 values
  refused("(9223372036854775808, 2)");
  refused("(0, 4294967296, 4294967296)");
  refused("(274877906945,)");
  refused("(1, 1, 1, 1, 1, 1, 1, 1, 1)");
  ByteString header = npy_file(npy_header("|u1", "(1,)"), {1}, 2);
  header[10] = 2;  // 131 072 bytes and more
  expect_error(header, ErrorCode::kResourceExhausted, "the limit is 65536");
}

// Whatever the bytes are: an error that names the file, or an array that is all there.
void expect_error_or_array(const std::string& file) {
  const auto array = read_npy(file);
  if (!array) {
    EXPECT_THAT(array.error().message, StartsWith(file + ": "));
    return;
  }
  ASSERT_EQ(array->bytes.size(), array->type.byte_count());
  std::uint64_t sum = 0;
  for (const std::uint8_t byte : array->bytes) sum += byte;
  EXPECT_LE(sum, array->bytes.size() * 255);
  EXPECT_LE(floats(*array).size(), array->bytes.size());
}

TEST_F(NpyReaderTest, EveryTruncationIsAnError) {
  for (const int version : {1, 2, 3}) {
    const ByteString whole =
        npy_file(npy_header("<f4", "(2, 3)"), little_endian<float>({1, 2, 3, 4, 5, 6}), version);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const std::string file = write("cut.npy", ByteString(whole.begin(), whole.begin() + size));
      const auto array = read_npy(file);
      ASSERT_FALSE(array) << size << " bytes of " << whole.size();
      EXPECT_EQ(array.error().code, ErrorCode::kCorrupt);
      EXPECT_THAT(array.error().message, StartsWith(file + ": "));
    }
  }
}

TEST_F(NpyReaderTest, MutationsGiveAnErrorOrAnArray) {
  Rng rng(7);
  const std::string likely = "(){}[]'\":,0123456789 <>|=TFbuif\n\x93";
  for (int run = 0; run < 1000; ++run) {
    ByteString bytes = npy_file(npy_header("<f4", "(2, 3)"), ByteString(24, 0x41),
                                static_cast<int>(1 + rng.below(3)));
    for (std::uint64_t change = 0, changes = 1 + rng.below(4); change < changes; ++change) {
      const std::size_t at = rng.below(rng.below(2) == 0 ? bytes.size() : std::size_t{72});
      const auto byte = static_cast<std::uint8_t>(
          rng.below(2) == 0 ? rng.below(256) : likely[rng.below(likely.size())]);
      switch (rng.below(4)) {
        case 0:
          bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), byte);
          break;
        case 1:
          bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        default:
          bytes[at] = byte;
      }
    }
    expect_error_or_array(write("mutated.npy", bytes));
  }
}

TEST_F(NpyReaderTest, AMappedFileMayBeMovedAndEmpty) {
  auto first = MappedFile::open(write("one", {1, 2, 3}));
  ASSERT_TRUE(first);
  MappedFile moved = *std::move(first);
  EXPECT_THAT(moved.bytes(), ElementsAre(1, 2, 3));
  auto second = MappedFile::open(write("two", {}));
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->bytes().empty());
  moved = *std::move(second);
  EXPECT_TRUE(moved.bytes().empty());
}

}  // namespace
}  // namespace skiptrain::data
