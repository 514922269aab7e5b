#include "data/npz_reader.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/unit/data/npz_files.h"

namespace skiptrain::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// numpy.savez_compressed(file, x=numpy.array([[1, 2], [3, 4]], '<f4'), y=numpy.array([0, 1])) of
// NumPy 1.24.
const ByteString kOfNumpy = {
    80,  75,  3,   4,   20,  0,   0,   0,   8,   0,   0,   0,   33,  0,   78,  251, 32,  117, 83,
    0,   0,   0,   144, 0,   0,   0,   5,   0,   20,  0,   120, 46,  110, 112, 121, 1,   0,   16,
    0,   144, 0,   0,   0,   0,   0,   0,   0,   83,  0,   0,   0,   0,   0,   0,   0,   155, 236,
    23,  234, 27,  16,  201, 200, 80,  198, 80,  173, 158, 146, 90,  156, 92,  164, 110, 165, 160,
    110, 147, 102, 162, 174, 163, 160, 158, 150, 95,  84,  82,  148, 152, 23,  159, 95,  148, 146,
    10,  18,  119, 75,  204, 41,  78,  5,   138, 23,  103, 36,  22,  164, 2,   249, 26,  70,  58,
    10,  70,  154, 58,  10,  181, 10,  100, 3,   46,  6,   134, 6,   123, 6,   6,   6,   7,   32,
    2,   226, 6,   7,   0,   80,  75,  3,   4,   20,  0,   0,   0,   8,   0,   0,   0,   33,  0,
    126, 106, 251, 201, 73,  0,   0,   0,   144, 0,   0,   0,   5,   0,   20,  0,   121, 46,  110,
    112, 121, 1,   0,   16,  0,   144, 0,   0,   0,   0,   0,   0,   0,   73,  0,   0,   0,   0,
    0,   0,   0,   155, 236, 23,  234, 27,  16,  201, 200, 80,  198, 80,  173, 158, 146, 90,  156,
    92,  164, 110, 165, 160, 110, 147, 105, 161, 174, 163, 160, 158, 150, 95,  84,  82,  148, 152,
    23,  159, 95,  148, 146, 10,  18,  119, 75,  204, 41,  78,  5,   138, 23,  103, 36,  22,  164,
    2,   249, 26,  70,  58,  154, 58,  10,  181, 10,  20,  0,   46,  6,   40,  96,  132, 210, 0,
    80,  75,  1,   2,   20,  3,   20,  0,   0,   0,   8,   0,   0,   0,   33,  0,   78,  251, 32,
    117, 83,  0,   0,   0,   144, 0,   0,   0,   5,   0,   0,   0,   0,   0,   0,   0,   0,   0,
    0,   0,   128, 1,   0,   0,   0,   0,   120, 46,  110, 112, 121, 80,  75,  1,   2,   20,  3,
    20,  0,   0,   0,   8,   0,   0,   0,   33,  0,   126, 106, 251, 201, 73,  0,   0,   0,   144,
    0,   0,   0,   5,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   128, 1,   138, 0,
    0,   0,   121, 46,  110, 112, 121, 80,  75,  5,   6,   0,   0,   0,   0,   2,   0,   2,   0,
    102, 0,   0,   0,   10,  1,   0,   0,   0,   0,
};

std::vector<float> floats(const Array& array) {
  std::vector<float> values(array.bytes.size() / bytes_of(array.type.dtype));
  copy_floats(array.type, array.bytes, values);
  return values;
}

class NpzReaderTest : public DataFilesTest {
 protected:
  NpzFile opened(const std::string& file) const {
    auto npz = NpzFile::open(file);
    EXPECT_TRUE(npz) << npz.error().message;
    return npz ? *std::move(npz) : NpzFile();
  }
  std::string zipped(const Members& members, zip_int32_t method = ZIP_CM_DEFLATE) const {
    write_zip(path("a.npz"), members, method);
    return path("a.npz");
  }
  static void expect_error(const Error& error, ErrorCode code, const std::string& begin,
                           const std::string& part) {
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_THAT(error.message, StartsWith(begin));
    EXPECT_THAT(error.message, HasSubstr(part));
  }
  void expect_bad_member(const ByteString& member, ErrorCode code, const std::string& part) const {
    const std::string file = zipped({{"x.npy", member}});
    const NpzFile npz = opened(file);
    const auto whole = npz.read("x");
    ASSERT_FALSE(whole) << part;
    expect_error(whole.error(), code, file + ": x.npy: ", part);
    const auto rows = npz.read_rows("x", {0});
    ASSERT_FALSE(rows) << part;
    expect_error(rows.error(), code, file + ": x.npy: ", part);
  }
};

TEST_F(NpzReaderTest, ReadsWhatNumpySaves) {
  const NpzFile npz = opened(write("a.npz", kOfNumpy));
  EXPECT_THAT(npz.keys(), ElementsAre("x", "y"));
  const auto x = npz.read("x");
  ASSERT_TRUE(x) << x.error().message;
  EXPECT_EQ(x->type, (ArrayType{DType::kFloat32, false, {2, 2}}));
  EXPECT_THAT(floats(*x), ElementsAre(1, 2, 3, 4));
  const auto y = npz.read("y");
  ASSERT_TRUE(y) << y.error().message;
  EXPECT_EQ(y->type, (ArrayType{DType::kInt64, false, {2}}));
  EXPECT_THAT(floats(*y), ElementsAre(0, 1));
}

TEST_F(NpzReaderTest, ReadsStoredAndDeflatedMembers) {
  for (const zip_int32_t method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
    const NpzFile npz = opened(zipped({{"readme.txt", {'h', 'i'}},
                                       {"a.npy", npy_bytes("(3,)", {1, 2, 3})},
                                       {"folder/größe.npy", npy_floats("()", {5})}},
                                      method));
    EXPECT_THAT(npz.keys(), ElementsAre("a", "folder/größe"));
    EXPECT_THAT(floats(*npz.read("a")), ElementsAre(1, 2, 3));
    EXPECT_THAT(floats(*npz.read("folder/größe")), ElementsAre(5));
    EXPECT_EQ(*npz.type_of("a"), (ArrayType{DType::kUint8, false, {3}}));
  }
}

TEST_F(NpzReaderTest, KeepsOnlyTheChosenRows) {
  // 3000 rows of 200 values are longer than the buffer that skips rows.
  std::vector<float> values(600'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i / 200);
  const NpzFile npz = opened(zipped({{"x.npy", npy_floats("(3000, 10, 20)", values)}}));
  const auto rows = npz.read_rows("x", {0, 7, 8, 2500, 2999});
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(rows->type.shape, (std::vector<std::uint64_t>{5, 10, 20}));
  ASSERT_EQ(rows->bytes.size(), 5u * 200 * 4);
  const std::vector<float> kept = floats(*rows);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(kept[i], (std::vector<float>{0, 7, 8, 2500, 2999}[i / 200]));
  }
  const auto none = npz.read_rows("x", {});
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_EQ(none->type.row_count(), 0u);
  const auto beyond = npz.read_rows("x", {1, 3000});
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, ErrorCode::kMismatch);
}

TEST_F(NpzReaderTest, AMissingKeyListsThoseThereAre) {
  const std::string file = write("a.npz", kOfNumpy);
  const auto missing = opened(file).read("x_train");
  ASSERT_FALSE(missing);
  expect_error(missing.error(), ErrorCode::kNotFound, file + ": ",
               "there is no array \"x_train\"; it holds \"x\", \"y\"");
  const auto none = opened(zipped({{"x.txt", {1}}})).read("x");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("there is no array \"x\"; it holds none"));
}

TEST_F(NpzReaderTest, RefusesWhatIsNoZipFile) {
  for (const ByteString& bytes : {ByteString(), ByteString{'h', 'i'}, npy_bytes("(1,)", {1})}) {
    const std::string file = write("a.npz", bytes);
    const auto npz = NpzFile::open(file);
    ASSERT_FALSE(npz);
    expect_error(npz.error(), ErrorCode::kCorrupt, file + ": ", "must be a zip file");
  }
  const auto nowhere = NpzFile::open(path("nowhere"));
  ASSERT_FALSE(nowhere);
  expect_error(nowhere.error(), ErrorCode::kNotFound, path("nowhere") + ": ", "No such file");
  const auto folder = NpzFile::open(path(""));
  ASSERT_FALSE(folder);
  expect_error(folder.error(), ErrorCode::kInvalidArgument, path(""), "regular file");
}

TEST_F(NpzReaderTest, RefusesAMemberThatIsNoArray) {
  expect_bad_member({'h', 'i'}, ErrorCode::kCorrupt, "must begin with");
  expect_bad_member(npy_floats("(2,)", {1}), ErrorCode::kCorrupt,
                    "declares f4 of shape (2,), which makes 136 bytes, but has 132");
  expect_bad_member(npy_floats("(1,)", {1, 2}), ErrorCode::kCorrupt, "makes 132 bytes");
  expect_bad_member(npy_file(npy_header("<f2", "(1,)"), {1, 2}), ErrorCode::kInvalidArgument,
                    "must be one of");
}

TEST_F(NpzReaderTest, BelievesNoSizeThatTheMemberDoesNotHave) {
  expect_bad_member(npy_bytes("(549755813888,)", {1}), ErrorCode::kCorrupt,
                    "makes 549755814016 bytes, but has 129");
}

TEST_F(NpzReaderTest, RefusesADamagedMember) {
  // Stored, so that the damage is in a value, which only the CRC tells.
  const std::string file =
      zipped({{"x.npy", npy_bytes("(4,)", {201, 202, 203, 204})}}, ZIP_CM_STORE);
  ByteString bytes = contents(file);
  const ByteString values{201, 202, 203, 204};
  const auto at = std::search(bytes.begin(), bytes.end(), values.begin(), values.end());
  ASSERT_NE(at, bytes.end());
  *at ^= 1;
  const NpzFile npz = opened(write("damaged.npz", bytes));
  for (const auto& read : {npz.read("x"), npz.read_rows("x", {0, 3})}) {
    ASSERT_FALSE(read);
    expect_error(read.error(), ErrorCode::kCorrupt,
                 path("damaged.npz") + ": x.npy: ", "cannot be unpacked: CRC error");
  }
}

// An error that names the file, or arrays that are all there.
void expect_error_or_arrays(const std::string& file) {
  const auto npz = NpzFile::open(file);
  if (!npz) {
    EXPECT_THAT(npz.error().message, StartsWith(file + ": "));
    return;
  }
  for (const std::string& key : npz->keys()) {
    const auto array = npz->read(key);
    const auto row = npz->read_rows(key, {0});
    if (array) {
      EXPECT_EQ(array->bytes.size(), array->type.byte_count());
    } else {
      EXPECT_THAT(array.error().message, StartsWith(file + ": " + key + ".npy: "));
    }
    if (row) {
      EXPECT_EQ(row->bytes.size(), row->type.row_bytes());
    }
  }
}

TEST_F(NpzReaderTest, TruncationsGiveAnError) {
  for (std::size_t size = 0; size < kOfNumpy.size(); ++size) {
    const std::string file =
        write("cut.npz", ByteString(kOfNumpy.begin(), kOfNumpy.begin() + size));
    const auto npz = NpzFile::open(file);
    ASSERT_FALSE(npz) << size << " bytes of " << kOfNumpy.size();
    EXPECT_THAT(npz.error().message, StartsWith(file + ": "));
  }
}

TEST_F(NpzReaderTest, MutationsGiveAnErrorOrArrays) {
  Rng rng(11);
  for (int run = 0; run < 1000; ++run) {
    ByteString bytes = kOfNumpy;
    for (std::uint64_t change = 0, changes = 1 + rng.below(4); change < changes; ++change) {
      bytes[rng.below(bytes.size())] = static_cast<std::uint8_t>(rng.below(256));
    }
    expect_error_or_arrays(write("mutated.npz", bytes));
  }
}

}  // namespace
}  // namespace skiptrain::data
