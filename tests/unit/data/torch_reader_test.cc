#include "data/torch_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "data/array_loader.h"
#include "tests/unit/data/torch_files.h"

namespace skiptrain::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

const ByteString kX = {1, 2, 3, 4, 5, 6};
const ByteString kY = little_endian<std::int64_t>({2, 0, 1});

class TorchReaderTest : public DataFilesTest {
 protected:
  std::string saved(std::string_view pickle, const std::vector<ByteString>& storages,
                    zip_int32_t method = ZIP_CM_STORE) const {
    write_zip(path("data.pt"), torch_members(pickle, storages), method);
    return path("data.pt");
  }
  static TorchFile opened(const std::string& file) {
    auto read = TorchFile::open(file);
    EXPECT_TRUE(read) << read.error().message;
    return *std::move(read);
  }
  void expect_refused(std::string_view pickle, ErrorCode code, const std::string& part) const {
    const std::string file = saved(pickle, {kX, kY});
    const auto read = TorchFile::open(file);
    ASSERT_FALSE(read) << part;
    EXPECT_EQ(read.error().code, code) << read.error().message;
    EXPECT_THAT(read.error().message, StartsWith(file + ": "));
    EXPECT_THAT(read.error().message, HasSubstr(part));
  }
  static std::vector<float> floats(const Array& array) {
    std::vector<float> values(array.bytes.size() / bytes_of(array.type.dtype));
    copy_floats(array.type, array.bytes, values);
    return values;
  }
};

TEST_F(TorchReaderTest, ReadsADictionaryOfTensors) {
  for (const zip_int32_t method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
    const TorchFile file = opened(saved(kPickleOfTwo, {kX, kY}, method));
    EXPECT_THAT(file.keys(), ElementsAre("x_train", "y_train"));
    EXPECT_EQ(*file.type_of("x_train"), (ArrayType{DType::kUint8, false, {3, 2}}));
    EXPECT_THAT(floats(*file.read("x_train")), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_THAT(floats(*file.read("y_train")), ElementsAre(2, 0, 1));
    EXPECT_THAT(floats(*file.read_rows("x_train", {0, 2})), ElementsAre(1, 2, 5, 6));
  }
}

TEST_F(TorchReaderTest, TheTensorsOfATupleAreNumbered) {
  const TorchFile file =
      opened(saved(kPickleOfTuple, {little_endian<float>({.5, 1, 1.5, 2, 2.5, 3}), kY}));
  EXPECT_THAT(file.keys(), ElementsAre("0", "1"));
  EXPECT_THAT(floats(*file.read("0")), ElementsAre(.5, 1, 1.5, 2, 2.5, 3));
}

TEST_F(TorchReaderTest, ReadsViewsOfAStorage) {
  const std::string file =
      saved(kPickleOfViews, {little_endian<float>({0, 1, 2, 3, 4, 5, 6, 7}), kY, ByteString(16)});
  const TorchFile views = opened(file);
  EXPECT_THAT(views.keys(), ElementsAre("x", "y", "t", "h")) << "other things are passed over";
  EXPECT_THAT(floats(*views.read("x")), ElementsAre(2, 3, 4, 5, 6, 7));
  EXPECT_THAT(floats(*views.read_rows("x", {1})), ElementsAre(4, 5));
  const auto transposed = views.read("t");
  ASSERT_FALSE(transposed);
  EXPECT_THAT(transposed.error().message, StartsWith(file + ": t: "));
  EXPECT_THAT(transposed.error().message, HasSubstr("save t.contiguous()"));
  const auto half = views.read("h");
  ASSERT_FALSE(half);
  EXPECT_THAT(half.error().message, HasSubstr("\"HalfStorage\": must be of uint8"));
  EXPECT_THAT(half.error().message, HasSubstr("t.float()"));
}

TEST_F(TorchReaderTest, LoadsADataSet) {
  const ArrayPair pair{saved(kPickleOfTwo, {kX, kY}), "x_train", "y_train"};
  const auto set = load_torch(pair, {.limit = 2});
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_TRUE(set->validate());
  EXPECT_THAT(pixels_of(*set), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(set->labels, ElementsAre(2, 0));
  const auto missing = load_torch({pair.file, "images", "y_train"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message,
              HasSubstr("there is no tensor \"images\"; it holds \"x_train\", \"y_train\""));
}

TEST_F(TorchReaderTest, TensorsOfNumbersAreTargets) {
  std::string pickle(kPickleOfTuple);
  pickle.replace(pickle.find("LongStorage"), 4, "Float");
  const std::string file = saved(
      pickle, {little_endian<float>({.5, 1, 1.5, 2, 2.5, 3}), little_endian<float>({-1, .25, 8})});
  LoadOptions options{.partition = Iid{}, .seat = {0, 2, 1}, .targets = TargetKind::kValues};
  std::vector<float> seen;
  for (options.seat.position = 0; options.seat.position < 2; ++options.seat.position) {
    const auto share = load_torch({file, "0", "1"}, options);
    ASSERT_TRUE(share) << share.error().message;
    EXPECT_TRUE(share->validate());
    EXPECT_EQ(share->target_width, 1u);
    for (std::size_t i = 0; i < share->size(); ++i) {
      const float target = share->target(i)[0];
      EXPECT_EQ(share->float_sample(i)[0], target == -1 ? .5 : target == 8 ? 2.5 : 1.5);
      seen.push_back(target);
    }
  }
  EXPECT_THAT(seen, UnorderedElementsAre(-1, .25, 8));
  options.targets = TargetKind::kFractions;
  options.partition = AllSamples{};
  options.seat = {};
  const auto refused = load_torch({file, "0", "1"}, options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message,
              StartsWith(file + ": 1: row 0: column 0: target -1.000000: must be from 0 to 1"));
  EXPECT_FALSE(load_torch({file, "0", "1"})) << "no classes";
}

TEST_F(TorchReaderTest, RunsNoCode) {
  expect_refused(
      "\x80\x02"
      "cposix\nsystem\nX\x02\x00\x00\x00id\x85R."sv,
      ErrorCode::kInvalidArgument, "byte 2: names \"posix system\": must hold tensors");
  expect_refused(
      "\x80\x02"
      "cbuiltins\neval\n."sv,
      ErrorCode::kInvalidArgument, "names \"builtins eval\"");
  expect_refused(kPickleOfModule, ErrorCode::kInvalidArgument,
                 "names \"torch.nn.modules.linear Linear\"");
  expect_refused(kPickleOfState, ErrorCode::kInvalidArgument, "must hold tensors alone");
  // STACK_GLOBAL, INST, OBJ, NEWOBJ, BUILD, EXT1: each of which could name or call something.
  for (const char opcode :
       "\x93io\x81"
       "b\x82"sv) {
    expect_refused(std::string("\x80\x02}") + opcode + ".", ErrorCode::kInvalidArgument,
                   "the pickle instruction 0x");
  }
  // A storage is no function.
  expect_refused(
      "\x80\x02"
      "ctorch\nFloatStorage\n)R."sv,
      ErrorCode::kInvalidArgument, "calls \"torch FloatStorage\"");
}

TEST_F(TorchReaderTest, RefusesPicklesThatDoNotFitTogether) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {""sv, "byte 0: truncated"},
      {"\x80\x02}"sv, "truncated"},
      {"\x80\x02X\xff\xff\xff\xff"
       "a."sv,
       "truncated"},
      {"\x80\x02h\x05."sv, "recalls a value that was not remembered"},
      {"\x80\x02q\x00."sv, "remembers a value that is not there"},
      {"\x80\x02t."sv, "a tuple of values that are not there"},
      {"\x80\x02K\x01K\x02."sv, "other than one value"},
      {"\x80\x02K\x01K\x02K\x03s."sv, "neither a list nor a dictionary"},
      {"\x80\x02"
       "ctorch._utils\n_rebuild_tensor_v2\n)R."sv,
       "a tensor of too few arguments"},
      {"\x80\x02Q."sv, "a persistent id that is not there"}};
  for (const auto& [pickle, part] : cases) {
    expect_refused(pickle, ErrorCode::kCorrupt, std::string(part));
  }
  expect_refused("\x80\x05}."sv, ErrorCode::kInvalidArgument, "pickle protocol 5");
  expect_refused("\x80\x02}."sv, ErrorCode::kInvalidArgument, "holds no tensors");
  expect_refused("\x80\x02(K\x01K\x02t\x85Q."sv, ErrorCode::kInvalidArgument, "persistent id");
  std::string deep = "\x80\x02)";
  deep.append(100, '\x85');
  expect_refused(deep + ".", ErrorCode::kResourceExhausted, "nested more than 64 deep");
  expect_refused(std::string("\x80\x02") + std::string(70'000, 'N') + ".",
                 ErrorCode::kResourceExhausted, "more than 65536 values");
}

TEST_F(TorchReaderTest, RefusesTensorsBeyondTheirStorage) {
  const std::string file = saved(kPickleOfTwo, {{1, 2, 3, 4, 5}, kY});
  const auto read = opened(file).read("x_train");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(read.error().message, HasSubstr("a storage of 6 values in 5 bytes"));
  std::string longer(kPickleOfTwo);
  const std::size_t size = longer.find("K\x03K\x02\x86");  // of x_train: (3, 2)
  ASSERT_NE(size, std::string::npos);
  longer[size + 1] = 4;
  const auto beyond = opened(saved(longer, {kX, kY})).read("x_train");
  ASSERT_FALSE(beyond);
  EXPECT_THAT(beyond.error().message, HasSubstr("beyond its storage of 6 values"));
  const auto gone = opened(saved(kPickleOfTwo, {kX})).read("y_train");
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().message, HasSubstr("there is no member \"archive/data/1\""));
}

TEST_F(TorchReaderTest, RefusesWhatTorchSaveDoesNotWrite) {
  const auto refusal = [](const std::string& file) {
    const auto read = TorchFile::open(file);
    return read ? "" : read.error().message;
  };
  EXPECT_THAT(refusal(write("old.pt", {0x80, 2, 0x8a, 10})),
              HasSubstr("as torch.save writes it since PyTorch 1.6"));
  write_zip(path("a.npz"), {{"x.npy", npy_bytes("(1,)", {1})}});
  EXPECT_THAT(refusal(path("a.npz")), HasSubstr("there is no data.pkl in it"));
  EXPECT_THAT(refusal(path("nowhere")), HasSubstr("No such file"));
}

TEST_F(TorchReaderTest, TruncationsGiveAnError) {
  const ByteString whole = contents(saved(kPickleOfTwo, {kX, kY}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string file = write("cut.pt", ByteString(whole.begin(), whole.begin() + size));
    const auto read = TorchFile::open(file);
    ASSERT_FALSE(read) << size;
    EXPECT_THAT(read.error().message, StartsWith(file + ": "));
  }
}

}  // namespace
}  // namespace skiptrain::data
