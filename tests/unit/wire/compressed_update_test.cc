// Updates of runs with a compression: there and back, and every reason for which one is refused.
#include <cmath>
#include <cstring>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "model/publisher.h"
#include "tests/unit/wire/wire_testing.h"
#include "wire/checksum.h"

namespace skiptrain::wire {
namespace {

using ::testing::HasSubstr;
using testing::make_update;
using testing::messages_of;
using testing::ramp;
using testing::slice_of;

constexpr std::size_t kCount = 3000;
constexpr std::size_t kChunk = 700;  // ends inside numbers

Compression compression_of(const std::string& text) {
  return parse_compression(text).value();
}

// One node's way of a random walk, and a stream of it to another node.
class Link {
 public:
  explicit Link(const std::string& compression, std::size_t count = kCount)
      : publisher_(compression_of(compression), ParametersPool(count, 4)),
        pool_(count, 4),
        assembler_(pool_, compression_of(compression)),
        x_(count) {}

  PublishedUpdate publish() {
    for (float& value : x_) value += static_cast<float>(rng_.normal());
    return publisher_.publish(make_update(round_++, x_));
  }
  // The error, or "".
  std::string take(const v1::Frame& frame) {
    const std::string bytes = frame.SerializeAsString();
    const Slice whole = slice_of(bytes);
    auto decoded = decoder_.decode(std::span(&whole, 1));
    if (!decoded) return decoded.error().message;
    auto taken = assembler_.accept(*decoded);
    if (!taken) return taken.error().message;
    if (*taken) received_ = **std::move(taken);
    return "";
  }
  std::string take(const std::vector<v1::Frame>& frames) {
    received_.reset();
    for (const v1::Frame& frame : frames) {
      if (std::string error = take(frame); !error.empty()) return error;
    }
    return received_ ? "" : "incomplete";
  }
  const std::optional<ModelUpdate>& received() const { return received_; }

 private:
  Rng rng_{7};
  Publisher publisher_;
  ParametersPool pool_;
  FrameDecoder decoder_;
  UpdateAssembler assembler_;
  std::vector<float> x_;
  std::uint64_t round_ = 0;
  std::optional<ModelUpdate> received_;
};

std::vector<v1::Frame> frames_of(const EncodedUpdate& encoded) {
  std::vector<v1::Frame> frames;
  for (const std::string& message : messages_of(encoded)) {
    frames.emplace_back();
    EXPECT_TRUE(frames.back().ParseFromString(message));
  }
  return frames;
}

std::vector<v1::Frame> whole(const PublishedUpdate& update) {
  return frames_of(encode_published(update, kChunk).whole);
}
std::vector<v1::Frame> difference(const PublishedUpdate& update) {
  auto forms = encode_published(update, kChunk);
  EXPECT_TRUE(forms.difference);
  return frames_of(*forms.difference);
}

bool same_bits(const ModelUpdate& a, const ModelUpdate& b) {
  return a.round == b.round && a.degree == b.degree &&
         std::ranges::equal(a.parameters->bytes(), b.parameters->bytes());
}

TEST(CompressedUpdateTest, HalvesArriveAsTheyWerePublished) {
  for (const char* compression : {"bf16", "fp16"}) {
    Link link(compression);
    for (int i = 0; i < 3; ++i) {
      const PublishedUpdate update = link.publish();
      const EncodedForms forms = encode_published(update, kChunk);
      EXPECT_FALSE(forms.difference);
      EXPECT_LT(forms.whole.size(), kCount * 2 + 400);
      ASSERT_EQ(link.take(frames_of(forms.whole)), "");
      EXPECT_TRUE(same_bits(*link.received(), update.update));
    }
  }
}

TEST(CompressedUpdateTest, DifferencesLeadToThePublishedCopy) {
  const std::pair<const char*, std::size_t> cases[] = {{"int8", kCount + 3 * 4 + 500},
                                                       {"top-k:0.1", kCount / 10 * 3 + 500}};
  for (const auto& [compression, most_bytes] : cases) {
    Link link(compression);
    ASSERT_EQ(link.take(whole(link.publish())), "");
    for (int i = 0; i < 20; ++i) {
      const PublishedUpdate update = link.publish();
      EXPECT_LT(encode_published(update, kChunk).difference->size(), most_bytes);
      // Now and then whole: what is after it goes on from there.
      ASSERT_EQ(link.take(i % 7 == 3 ? whole(update) : difference(update)), "");
      ASSERT_TRUE(same_bits(*link.received(), update.update)) << compression << " " << i;
    }
  }
}

TEST(CompressedUpdateTest, ADifferenceToACopyThatIsNotHereIsRefused) {
  Link link("int8");
  const PublishedUpdate first = link.publish();
  const PublishedUpdate second = link.publish();
  const PublishedUpdate third = link.publish();
  EXPECT_EQ(link.take(difference(second)),
            "update of round 1: a difference to copy 1, but the newest here is none");
  ASSERT_EQ(link.take(whole(first)), "");
  EXPECT_EQ(link.take(difference(third)),
            "update of round 2: a difference to copy 2, but the newest here is 1");
  ASSERT_EQ(link.take(difference(second)), "");
  EXPECT_EQ(link.take(difference(second)),
            "update of round 1: a difference to copy 1, but the newest here is 2")
      << "twice";
  EXPECT_EQ(link.take(difference(third)), "");
}

struct Spoilt {
  const char* name;
  const char* compression;
  void (*spoil)(v1::Frame& header);
  const char* reason;
};
class SpoiltDifferenceTest : public ::testing::TestWithParam<Spoilt> {};

// Of the second update of a stream.
TEST_P(SpoiltDifferenceTest, IsRefusedAndTheReasonIsNamed) {
  Link link(GetParam().compression, 8);
  ASSERT_EQ(link.take(whole(link.publish())), "");
  auto frames = difference(link.publish());
  ASSERT_EQ(frames.size(), 1U);
  GetParam().spoil(frames[0]);
  EXPECT_THAT(link.take(frames), HasSubstr(GetParam().reason));
}

void sign(v1::Frame& frame) {
  frame.mutable_update()->set_checksum(checksum(slice_of(frame.chunk().data())));
}

INSTANTIATE_TEST_SUITE_P(
    Each, SpoiltDifferenceTest,
    ::testing::Values(
        Spoilt{"UnknownCoding", "int8",
               [](v1::Frame& f) {
                 f.mutable_update()->mutable_difference()->set_coding(
                     static_cast<v1::DifferenceCoding>(9));
               },
               "difference coding 9 is unknown, expected 1 (int8) or 2 (top-k)"},
        Spoilt{"NoCoding", "int8",
               [](v1::Frame& f) { f.mutable_update()->mutable_difference()->clear_coding(); },
               "difference coding 0 is unknown"},
        Spoilt{"OtherCoding", "int8",
               [](v1::Frame& f) {
                 f.mutable_update()->mutable_difference()->set_coding(v1::DIFFERENCE_CODING_TOP_K);
               },
               "a difference of another coding, expected int8"},
        Spoilt{"OtherDtype", "int8",
               [](v1::Frame& f) { f.mutable_update()->set_dtype(v1::WIRE_DTYPE_FLOAT16); },
               "dtype 3, expected 1 (float32)"},
        Spoilt{"OtherCount", "int8",
               [](v1::Frame& f) { f.mutable_update()->set_parameter_count(9); },
               "9 parameters declared, expected 8"},
        Spoilt{"NoCopy", "int8", [](v1::Frame& f) { f.mutable_update()->clear_copy(); },
               "copy 0, expected 1 or more with compression int8"},
        Spoilt{"TooLong", "top-k:0.5",
               [](v1::Frame& f) {
                 f.mutable_update()->mutable_difference()->set_payload_bytes(
                     std::numeric_limits<std::uint64_t>::max());
               },
               "a difference of 18446744073709551615 bytes, expected 4 to 28"},
        Spoilt{
            "TooShort", "int8",
            [](v1::Frame& f) { f.mutable_update()->mutable_difference()->set_payload_bytes(11); },
            "a difference of 11 bytes, expected 12 to 12"},
        Spoilt{"Damaged", "int8",
               [](v1::Frame& f) { f.mutable_chunk()->mutable_data()->at(6) ^= 1; }, "checksum 0x"},
        Spoilt{"OtherCopyReached", "int8",
               [](v1::Frame& f) {
                 f.mutable_chunk()->mutable_data()->at(6) ^= 1;
                 sign(f);
               },
               "copy 2 has checksum 0x"},
        Spoilt{"InfiniteScale", "int8",
               [](v1::Frame& f) {
                 const float bad = std::numeric_limits<float>::infinity();
                 std::memcpy(f.mutable_chunk()->mutable_data()->data(), &bad, sizeof bad);
                 sign(f);
               },
               "the scale of block 0 is inf"},
        Spoilt{"ScaleThatOverflows", "int8",
               [](v1::Frame& f) {
                 const float bad = std::numeric_limits<float>::max();
                 std::memcpy(f.mutable_chunk()->mutable_data()->data(), &bad, sizeof bad);
                 sign(f);
               },
               "expected finite numbers"},
        Spoilt{"PlaceBeyondTheEnd", "top-k:0.5",
               [](v1::Frame& f) {
                 f.mutable_chunk()->mutable_data()->back() = 100;
                 sign(f);
               },
               "names place"},
        Spoilt{"MoreValuesThanBytes", "top-k:0.5",
               [](v1::Frame& f) {
                 f.mutable_chunk()->mutable_data()->front() = 8;
                 sign(f);
               },
               "a top-k difference with 8 values in"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(CompressedUpdateTest, EachRunTakesItsOwnFormsAlone) {
  const char* all[] = {"none", "bf16", "fp16", "int8", "top-k:0.5"};
  for (const char* sent : all) {
    for (const char* expected : all) {
      Link from(sent, 8), to(expected, 8);
      const PublishedUpdate first = from.publish();
      const bool both_keep_copies =
          compression_of(sent).keeps_copies() && compression_of(expected).keeps_copies();
      EXPECT_EQ(to.take(whole(first)).empty(), sent == expected || both_keep_copies)
          << sent << " to " << expected;
      if (!both_keep_copies) continue;
      EXPECT_EQ(to.take(difference(from.publish())).empty(), sent == expected);
    }
  }
}

TEST(CompressedUpdateTest, NotANumberIsRefusedInEveryForm) {
  for (const char* compression : {"bf16", "fp16"}) {
    auto values = ramp(8);
    values[5] = std::numeric_limits<float>::quiet_NaN();
    Publisher publisher(compression_of(compression), ParametersPool(8, 2));
    Link link(compression, 8);
    EXPECT_THAT(link.take(whole(publisher.publish(make_update(2, values)))),
                HasSubstr("round 2: parameter 5 is nan"));
  }
  for (const char* compression : {"int8", "top-k:0.5"}) {
    auto values = ramp(8);
    Publisher publisher(compression_of(compression), ParametersPool(8, 2));
    Link link(compression, 8);
    ASSERT_EQ(link.take(whole(publisher.publish(make_update(1, values)))), "");
    values[5] = std::numeric_limits<float>::infinity();
    EXPECT_THAT(link.take(difference(publisher.publish(make_update(2, values)))),
                HasSubstr("expected a finite number"));
  }
}

// The header of a run without compression is, byte for byte, what it was before there was any.
TEST(CompressedUpdateTest, WithoutCompressionNothingNewIsOnTheWire) {
  const ModelUpdate update = make_update(4, ramp(8));
  const auto plain = messages_of(encode_update(update, 16));
  EXPECT_EQ(messages_of(encode_published(update, 16).whole), plain);
  v1::Frame frame;
  ASSERT_TRUE(frame.ParseFromString(plain.at(0)));
  v1::UpdateHeader expected;
  expected.set_round(4);
  expected.set_degree(3);
  expected.set_parameter_count(8);
  expected.set_dtype(v1::WIRE_DTYPE_FLOAT32);
  expected.set_checksum(checksum(update.parameters->bytes()));
  EXPECT_EQ(frame.update().SerializeAsString(), expected.SerializeAsString());
  v1::Frame hello;
  ASSERT_TRUE(hello.ParseFromString(encode_frame(Hello())));
  EXPECT_EQ(hello.hello().compression(), "");
}

}  // namespace
}  // namespace skiptrain::wire
