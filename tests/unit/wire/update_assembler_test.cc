// Every reason for which an update is rejected, each with its text.
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/wire/wire_testing.h"

namespace skiptrain::wire {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::make_update;
using testing::messages_of;
using testing::ramp;
using testing::Receiver;

// The frames of an update of 8 numbers in chunks of 16 bytes, to be spoilt.
class UpdateAssemblerTest : public ::testing::Test {
 protected:
  UpdateAssemblerTest() : receiver_(8) {
    for (const auto& message : messages_of(encode_update(make_update(4, ramp(8)), 16))) {
      frames_.emplace_back();
      EXPECT_TRUE(frames_.back().ParseFromString(message));
    }
  }

  // "" if all frames are taken and give an update, "incomplete" if they do not, else the error.
  std::string outcome() {
    for (const v1::Frame& frame : frames_) {
      auto taken = receiver_.take(frame);
      if (!taken) {
        code_ = taken.error().code;
        EXPECT_FALSE(receiver_.in_progress()) << "a rejected update leaves nothing behind";
        return taken.error().message;
      }
      if (*taken) return "";
    }
    return "incomplete";
  }

  Receiver receiver_;
  std::vector<v1::Frame> frames_;
  ErrorCode code_ = ErrorCode::kInternal;
};

TEST_F(UpdateAssemblerTest, TakesAWellFormedUpdate) {
  ASSERT_EQ(frames_.size(), 2U);
  EXPECT_EQ(outcome(), "");
}

TEST_F(UpdateAssemblerTest, TakesAHeaderAlone) {
  v1::Frame header;
  header.mutable_update()->Swap(frames_[0].mutable_update());
  frames_[0].clear_update();
  frames_.insert(frames_.begin(), header);
  EXPECT_EQ(outcome(), "");
}

TEST_F(UpdateAssemblerTest, RefusesAnotherModelsSizeBeforeAllocating) {
  frames_[0].mutable_update()->set_parameter_count(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(outcome(), "update of round 4: 18446744073709551615 parameters declared, expected 8");
  EXPECT_EQ(code_, ErrorCode::kMismatch);
}

TEST_F(UpdateAssemblerTest, RefusesAnotherDtype) {
  frames_[0].mutable_update()->set_dtype(static_cast<v1::WireDtype>(2));
  EXPECT_EQ(outcome(), "update of round 4: dtype 2, expected 1 (float32)");
}

TEST_F(UpdateAssemblerTest, RefusesAWrongChecksum) {
  frames_[1].mutable_chunk()->mutable_data()->at(3) ^= 1;
  EXPECT_THAT(outcome(),
              AllOf(HasSubstr("update of round 4: checksum 0x"), HasSubstr("its header says 0x")));
  EXPECT_EQ(code_, ErrorCode::kCorrupt);
}

TEST_F(UpdateAssemblerTest, RefusesAGapBetweenChunks) {
  frames_[1].mutable_chunk()->set_offset(20);
  EXPECT_EQ(outcome(), "update of round 4: chunk at offset 20, expected 16");
}

TEST_F(UpdateAssemblerTest, RefusesARepeatedChunk) {
  frames_[1].mutable_chunk()->set_offset(0);
  EXPECT_EQ(outcome(), "update of round 4: chunk at offset 0, expected 16");
}

TEST_F(UpdateAssemblerTest, RefusesMoreThanTheDeclaredTotal) {
  frames_[1].mutable_chunk()->mutable_data()->append("x");
  EXPECT_EQ(outcome(), "update of round 4: a chunk of 17 bytes at offset 16 passes the end at 32");
}

TEST_F(UpdateAssemblerTest, RefusesAnEmptyChunk) {
  frames_[1].mutable_chunk()->clear_data();
  EXPECT_EQ(outcome(), "update of round 4: an empty chunk");
}

TEST_F(UpdateAssemblerTest, RefusesAChunkWithoutHeader) {
  frames_.erase(frames_.begin());
  EXPECT_EQ(outcome(), "a chunk at offset 16 without an update header before it");
}

TEST_F(UpdateAssemblerTest, RefusesAnUpdateWithinAnUpdate) {
  frames_.insert(frames_.begin() + 1, frames_[0]);
  frames_[1].mutable_update()->set_round(5);
  EXPECT_EQ(outcome(), "an update of round 5 begins after 16 of 32 bytes of the one of round 4");
}

TEST_F(UpdateAssemblerTest, GoesOnAfterARejectedUpdate) {
  frames_[1].mutable_chunk()->set_offset(20);
  ASSERT_NE(outcome(), "");
  frames_[1].mutable_chunk()->set_offset(16);
  EXPECT_EQ(outcome(), "");
}

TEST(UpdateAssemblerFiniteTest, RefusesEachKindOfNonFiniteNumberAtEachPlace) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    for (std::size_t place = 0; place < 9; ++place) {
      auto values = ramp(9);
      values[place] = bad;
      Receiver receiver(9);
      // Chunks of 6 bytes end inside elements.
      Result<std::optional<ModelUpdate>> taken = std::optional<ModelUpdate>();
      for (const auto& message : messages_of(encode_update(make_update(2, values), 6))) {
        taken = receiver.take(message);
        if (!taken) break;
      }
      ASSERT_FALSE(taken);
      EXPECT_EQ(taken.error().code, ErrorCode::kNumeric);
      EXPECT_THAT(taken.error().message,
                  AllOf(HasSubstr("round 2: parameter " + std::to_string(place) + " is "),
                        HasSubstr("expected finite")));
    }
  }
}

TEST(UpdateAssemblerPoolTest, BuffersComeFromThePoolAndReturnToIt) {
  ParametersPool pool(4, 1);
  UpdateAssembler assembler(pool);
  FrameDecoder decoder;
  const float* first = nullptr;
  for (int i = 0; i < 3; ++i) {
    const auto message = messages_of(encode_update(make_update(1, ramp(4)))).at(0);
    const Slice whole = testing::slice_of(message);
    auto taken = assembler.accept(decoder.decode(std::span(&whole, 1)).value());
    ASSERT_TRUE(taken && *taken);
    const float* data = (*taken)->parameters->values().data();
    if (first == nullptr) first = data;
    EXPECT_EQ(data, first) << "the one idle buffer is used again";
  }
}

}  // namespace
}  // namespace skiptrain::wire
