// What a node publishes, and what becomes of a network that mixes by it: equation (*) of
// publisher.h, with this test's own sums.
#include "model/publisher.h"

#include <cmath>
#include <memory>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "model/difference_coding.h"
#include "model/mixing.h"

namespace skiptrain {
namespace {

constexpr std::size_t kDimension = 2500;

Compression compression_of(const char* text) {
  return parse_compression(text).value();
}

ParametersPtr normals(Rng& rng, double size = 1.0) {
  std::vector<float> values(kDimension);
  for (float& value : values) value = static_cast<float>(size * rng.normal());
  return copy_parameters(values);
}

ModelUpdate update_of(std::uint64_t round, ParametersPtr parameters) {
  return {Round(round), 3, std::move(parameters)};
}

Publisher publisher_of(const char* text) {
  return Publisher(compression_of(text), ParametersPool(kDimension, 4));
}

TEST(PublisherTest, WithoutCompressionAnUpdateGoesAsItIs) {
  Rng rng(1);
  const ModelUpdate update = update_of(3, normals(rng));
  const PublishedUpdate published = publisher_of("none").publish(update);
  EXPECT_EQ(published.update.parameters, update.parameters);
  EXPECT_EQ(published.payload, nullptr);
  EXPECT_EQ(published.copy, 0U);
}

TEST(PublisherTest, BeginsWholeGoesOnInDifferencesAndBeginsAnewAfterAGap) {
  Rng rng(2);
  for (const char* text : {"int8", "top-k:0.1"}) {
    Publisher publisher = publisher_of(text);
    const ParametersPtr first = normals(rng);
    const PublishedUpdate begun = publisher.publish(update_of(5, first));
    EXPECT_EQ(begun.update.parameters, first);
    EXPECT_FALSE(begun.has_difference());
    EXPECT_EQ(begun.copy, 1U);
    const PublishedUpdate next = publisher.publish(update_of(6, normals(rng)));
    EXPECT_TRUE(next.has_difference());
    EXPECT_EQ(next.copy, 2U);
    const ParametersPtr after_a_gap = normals(rng);
    const PublishedUpdate anew = publisher.publish(update_of(8, after_a_gap));
    EXPECT_FALSE(anew.has_difference());
    EXPECT_EQ(anew.copy, 3U);
    EXPECT_EQ(anew.update.parameters, after_a_gap);
  }
}

TEST(PublisherTest, TheSameUpdateIsPublishedOnce) {
  Rng rng(3);
  for (const char* text : {"bf16", "fp16", "int8", "top-k:0.1"}) {
    Publisher publisher = publisher_of(text);
    publisher.publish(update_of(0, normals(rng)));
    const ParametersPtr x = normals(rng);
    const PublishedUpdate one = publisher.publish(update_of(1, x));
    ModelUpdate again = update_of(1, x);
    again.degree = 7;
    const PublishedUpdate two = publisher.publish(again);
    EXPECT_EQ(one.update.parameters, two.update.parameters);
    EXPECT_EQ(one.payload, two.payload);
    EXPECT_EQ(one.copy, two.copy);
    EXPECT_EQ(two.update.degree, 7U);
  }
}

// Error feedback: what the differences of some rounds told, and what is left to tell, is the way
// that the model went, whatever was rounded away or left out on the way.
TEST(PublisherTest, DifferencesAndTheRestSumUpToTheWholeWay) {
  Rng rng(4);
  for (const char* text : {"int8", "top-k:0.05"}) {
    Publisher publisher = publisher_of(text);
    ParametersPtr x = normals(rng);
    std::vector<float> replica(x->values().begin(), x->values().end());
    publisher.publish(update_of(0, x));
    for (std::uint64_t round = 1; round <= 40; ++round) {
      std::vector<float> moved(x->values().begin(), x->values().end());
      for (float& value : moved) value += static_cast<float>(0.1 * rng.normal());
      x = copy_parameters(moved);
      const PublishedUpdate published = publisher.publish(update_of(round, x));
      std::vector<float> next(kDimension);
      const Status ok = published.packing == Packing::kInt8
                            ? decode_int8_difference(*published.payload, replica, next)
                            : decode_top_k_difference(*published.payload, replica, next);
      ASSERT_TRUE(ok);
      replica = next;
      const auto copy = published.update.parameters->values();
      ASSERT_TRUE(std::ranges::equal(copy, replica)) << text << ", round " << round;
    }
    // The model stands still: the rest is told.
    for (std::uint64_t round = 41; round <= 80; ++round) {
      replica.assign(x->values().begin(), x->values().end());
      const auto copy = publisher.publish(update_of(round, x)).update.parameters;
      if (round == 80) {
        EXPECT_LT(l2_distance(copy->values(), x->values()), 1e-3) << text;
      }
    }
  }
}

// A network on a ring that only mixes.
class Ring {
 public:
  static constexpr std::size_t kNodes = 8;
  static constexpr double kWeight = 1.0 / 3;

  Ring(const char* compression, std::uint64_t seed) : compression_(compression_of(compression)) {
    Rng rng(seed);
    for (std::size_t i = 0; i < kNodes; ++i) {
      models_.push_back(normals(rng));
      publishers_.push_back(
          std::make_unique<Publisher>(compression_, ParametersPool(kDimension, 4)));
    }
  }

  void mix(std::uint64_t round) {
    std::vector<ParametersPtr> copies;
    for (std::size_t i = 0; i < kNodes; ++i) {
      copies.push_back(publishers_[i]->publish(update_of(round, models_[i])).update.parameters);
    }
    const double step = compression_.consensus_step();
    std::vector<ParametersPtr> next;
    for (std::size_t i = 0; i < kNodes; ++i) {
      std::vector<float> x(kDimension);
      const auto own = models_[i]->values();
      const auto left = copies[(i + kNodes - 1) % kNodes]->values();
      const auto right = copies[(i + 1) % kNodes]->values();
      const auto here = copies[i]->values();
      for (std::size_t k = 0; k < kDimension; ++k) {
        const double pull = static_cast<double>(left[k]) - static_cast<double>(here[k]) +
                            static_cast<double>(right[k]) - static_cast<double>(here[k]);
        x[k] = static_cast<float>(static_cast<double>(own[k]) + step * kWeight * pull);
      }
      next.push_back(copy_parameters(x));
    }
    models_ = next;
  }

  std::vector<double> mean() const {
    std::vector<double> sum(kDimension);
    for (const auto& model : models_) {
      for (std::size_t k = 0; k < kDimension; ++k) {
        sum[k] += static_cast<double>(model->values()[k]) / kNodes;
      }
    }
    return sum;
  }
  // Root mean square over nodes and parameters.
  double distance() const {
    const auto center = mean();
    double squares = 0;
    for (const auto& model : models_) {
      for (std::size_t k = 0; k < kDimension; ++k) {
        squares += std::pow(static_cast<double>(model->values()[k]) - center[k], 2);
      }
    }
    return std::sqrt(squares / (kNodes * kDimension));
  }

 private:
  Compression compression_;
  std::vector<ParametersPtr> models_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
};

struct Agreement {
  const char* compression;
  double distance;  // what is left of 1
};
class AgreementTest : public ::testing::TestWithParam<Agreement> {};

TEST_P(AgreementTest, MixingAloneKeepsTheMeanAndLeadsToConsensus) {
  Ring ring(GetParam().compression, 5);
  const auto before = ring.mean();
  for (std::uint64_t round = 0; round < 400; ++round) ring.mix(round);
  EXPECT_LT(ring.distance(), GetParam().distance);
  const auto after = ring.mean();
  for (std::size_t k = 0; k < kDimension; ++k) ASSERT_NEAR(after[k], before[k], 2e-5) << k;
}

INSTANTIATE_TEST_SUITE_P(Each, AgreementTest,
                         ::testing::Values(Agreement{"none", 1e-5}, Agreement{"bf16", 4e-3},
                                           Agreement{"fp16", 5e-4}, Agreement{"int8", 1e-5},
                                           Agreement{"top-k:0.5", 1e-4},
                                           Agreement{"top-k:0.1", 2e-2}),
                         [](const auto& info) {
                           std::string name = info.param.compression;
                           for (char& c : name)
                             c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

TEST(CompressionTest, TextIsReadAndWritten) {
  for (const char* text : {"none", "bf16", "fp16", "int8", "top-k:0.1", "top-k:1"}) {
    const auto parsed = parse_compression(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(to_string(*parsed), text);
  }
  EXPECT_EQ(to_string(compression_of("top-k:0.10")), "top-k:0.1");
  for (const char* text : {"", "int4", "top-k", "top-k:", "top-k:0", "top-k:1.5", "top-k:-1",
                           "top-k:0.1x", "top-k:nan", "INT8"}) {
    const auto parsed = parse_compression(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().message.find("must be none, bf16, fp16, int8 or top-k:F"),
              std::string::npos);
  }
}

TEST(CompressionTest, TheStepFollowsTheFractionUnlessItIsSet) {
  EXPECT_EQ(compression_of("int8").consensus_step(), 1.0);
  EXPECT_EQ(compression_of("top-k:0.1").consensus_step(), 0.1 * kTopKStep);
  EXPECT_EQ(compression_of("top-k:0.9").consensus_step(), 1.0);
  Compression compression = compression_of("top-k:0.1");
  compression.step = 0.7;
  EXPECT_EQ(compression.consensus_step(), 0.7);
}

}  // namespace
}  // namespace skiptrain
