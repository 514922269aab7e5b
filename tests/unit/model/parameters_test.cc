#include "model/parameters.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace skiptrain {
namespace {

TEST(ParametersTest, IsAlignedToACacheLine) {
  for (const std::size_t count : {1u, 3u, 1000u}) {
    const Parameters parameters(count);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(parameters.values().data()) % Parameters::kAlignment,
              0u);
    EXPECT_EQ(parameters.size(), count);
  }
}

TEST(ParametersTest, BytesAreLittleEndianFloat32) {
  Parameters parameters(2);
  parameters.values()[0] = 1.0f;
  parameters.values()[1] = -2.0f;
  ASSERT_EQ(parameters.bytes().size(), 8u);
  EXPECT_EQ(parameters.bytes()[3], std::byte{0x3f});
  EXPECT_EQ(parameters.bytes()[2], std::byte{0x80});
  EXPECT_EQ(parameters.bytes()[7], std::byte{0xc0});
}

TEST(ParametersTest, CopyHasMemoryOfItsOwn) {
  std::vector<float> values = {1.0f, 2.0f};
  const ParametersPtr copy = copy_parameters(values);
  values[0] = 9.0f;
  EXPECT_EQ(copy->values()[0], 1.0f);
  EXPECT_EQ(copy->size(), 2u);
  EXPECT_EQ(copy_parameters({})->size(), 0u);
}

TEST(ParametersPoolTest, LendsReturnedMemoryAgain) {
  ParametersPool pool(100, 2);
  EXPECT_EQ(pool.parameter_count(), 100u);
  auto first = pool.acquire();
  EXPECT_EQ(first->size(), 100u);
  const Parameters* const address = first.get();
  first.reset();
  EXPECT_EQ(pool.acquire().get(), address);
}

TEST(ParametersPoolTest, DoesNotLendWhatIsStillHeld) {
  ParametersPool pool(10, 2);
  const auto first = pool.acquire();
  const ParametersPtr reader = first;
  EXPECT_NE(pool.acquire().get(), first.get());
}

TEST(ParametersPoolTest, WaitsForTheLastReader) {
  ParametersPool pool(10, 1);
  auto writer = pool.acquire();
  const Parameters* const address = writer.get();
  ParametersPtr reader = std::move(writer);
  const auto other = pool.acquire();
  EXPECT_NE(other.get(), address);
  reader.reset();
  EXPECT_EQ(pool.acquire().get(), address);
}

// Keeps one of three: the memory of the other two is not lent again, it was freed.
TEST(ParametersPoolTest, KeepsAtMostSoManyIdleBuffers) {
  constexpr std::size_t kKeep = 1;
  ParametersPool pool(1000, kKeep);
  std::vector<MutableParametersPtr> lent;
  for (int i = 0; i < 3; ++i) {
    lent.push_back(pool.acquire());
    lent.back()->values()[0] = static_cast<float>(i);
  }
  const Parameters* const first_returned = lent[0].get();
  lent.clear();
  const auto kept = pool.acquire();
  EXPECT_EQ(kept.get(), first_returned);
  EXPECT_EQ(kept->values()[0], 0.0f);
}

TEST(ParametersPoolTest, BuffersOutliveThePool) {
  auto pool = std::make_unique<ParametersPool>(10, 2);
  const auto buffer = pool->acquire();
  pool.reset();
  buffer->values()[9] = 3.0f;
  EXPECT_EQ(buffer->values()[9], 3.0f);
}

TEST(ParametersPoolTest, TakesBuffersBackFromOtherThreads) {
  ParametersPool pool(64, 4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (int i = 0; i < 2000; ++i) {
        const auto buffer = pool.acquire();
        buffer->values()[0] = static_cast<float>(t);
        ASSERT_EQ(buffer->values()[0], static_cast<float>(t)) << "lent to two threads at once";
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(AllFiniteTest, AcceptsOrdinaryAndExtremeNumbers) {
  using Limits = std::numeric_limits<float>;
  const std::vector<float> values = {
      0.0f, -0.0f, 1.0f, Limits::max(), Limits::lowest(), Limits::denorm_min()};
  EXPECT_TRUE(all_finite(values));
  EXPECT_TRUE(all_finite({}));
}

TEST(AllFiniteTest, FindsOneBadNumberAnywhere) {
  using Limits = std::numeric_limits<float>;
  constexpr std::size_t kLength = 1003;
  for (const float bad :
       {Limits::quiet_NaN(), -Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    for (const std::size_t at : {std::size_t{0}, std::size_t{500}, kLength - 1}) {
      std::vector<float> values(kLength, 1.0f);
      values[at] = bad;
      EXPECT_FALSE(all_finite(values)) << bad << " at " << at;
    }
  }
}

}  // namespace
}  // namespace skiptrain
