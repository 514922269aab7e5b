#include "learn/ops/step_memory.h"

#include <thread>
#include <vector>

#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

namespace skiptrain::learn {
namespace {

constexpr std::int64_t kMegabyte = 1 << 20;

at::Tensor bytes(std::int64_t count) {
  return at::empty({count}, at::kByte);
}

// Each in a thread of its own, whose blocks end with it.
template <typename Work>
void in_thread(Work work) {
  std::jthread(work).join();
}

TEST(StepMemoryTest, ADroppedTensorsMemoryIsTakenAgain) {
  in_thread([] {
    const StepMemory memory(true);
    const void* const first = bytes(3 * kMegabyte).data_ptr();
    EXPECT_GE(StepMemory::kept_bytes(), 3 * kMegabyte);
    const at::Tensor other = bytes(2 * kMegabyte);
    EXPECT_NE(other.data_ptr(), first);
    // Nearly of that size will do.
    EXPECT_EQ(bytes(3 * kMegabyte - 1000).data_ptr(), first);
  });
}

TEST(StepMemoryTest, ALiveTensorsMemoryIsItsOwn) {
  in_thread([] {
    const StepMemory memory(true);
    const at::Tensor a = at::full({100'000}, 1.0f);
    const at::Tensor b = at::full({100'000}, 2.0f);
    EXPECT_EQ(a.sum().item<double>(), 100'000);
    EXPECT_EQ(b.sum().item<double>(), 200'000);
  });
}

TEST(StepMemoryTest, KeepsNoMoreThanItsLimit) {
  in_thread([] {
    const StepMemory memory(true);
    for (std::int64_t size = 1; size <= 40; ++size) {
      std::vector<at::Tensor> tensors;
      for (int i = 0; i < 3; ++i) tensors.push_back(bytes(size * kMegabyte));
    }
    EXPECT_LE(StepMemory::kept_bytes(), kMaxKeptBytes);
    EXPECT_GT(StepMemory::kept_bytes(), kMaxKeptBytes / 4);
    // Larger than the limit: not kept at all.
    bytes(static_cast<std::int64_t>(kMaxKeptBytes) + kMegabyte);
    EXPECT_LE(StepMemory::kept_bytes(), kMaxKeptBytes);
  });
}

TEST(StepMemoryTest, TheLimitIsThatOfAllThreadsTogether) {
  in_thread([] {
    const StepMemory memory(true);
    for (int i = 0; i < 12; ++i) bytes((i + 1) * 4 * kMegabyte);
    in_thread([] {
      const StepMemory inner(true);
      for (int i = 0; i < 12; ++i) bytes((i + 1) * 4 * kMegabyte);
      EXPECT_LE(StepMemory::kept_bytes(), kMaxKeptBytes);
    });
  });
}

TEST(StepMemoryTest, AThreadThatEndsGivesUpItsBlocks) {
  const std::size_t before = StepMemory::kept_bytes();
  in_thread([before] {
    const StepMemory memory(true);
    bytes(kMegabyte);
    EXPECT_GT(StepMemory::kept_bytes(), before);
  });
  EXPECT_EQ(StepMemory::kept_bytes(), before);
}

TEST(StepMemoryTest, TensorsMayOutliveIt) {
  in_thread([] {
    at::Tensor survivor;
    {
      const StepMemory memory(true);
      survivor = at::full({kMegabyte}, 7.0f);
    }
    const std::size_t kept = StepMemory::kept_bytes();
    EXPECT_EQ(survivor.min().item<float>(), 7.0f);
    // Dropped by another thread, which keeps nothing.
    std::jthread([tensor = std::move(survivor)]() mutable { tensor.reset(); }).join();
    EXPECT_EQ(StepMemory::kept_bytes(), kept);
  });
}

// oneDNN takes and frees memory by its address alone.
TEST(StepMemoryTest, ServesRawMemoryInsideAndOutside) {
  in_thread([] {
    c10::Allocator* allocator = nullptr;
    void* inside = nullptr;
    {
      const StepMemory memory(true);
      allocator = c10::GetCPUAllocator();
      inside = allocator->raw_allocate(100'000);
      void* const small = allocator->raw_allocate(10);
      allocator->raw_deallocate(small);
    }
    void* const outside = allocator->raw_allocate(100'000);
    const std::size_t kept = StepMemory::kept_bytes();
    allocator->raw_deallocate(inside);
    EXPECT_EQ(StepMemory::kept_bytes(), kept);
    const StepMemory memory(true);
    allocator->raw_deallocate(outside);
    EXPECT_GT(StepMemory::kept_bytes(), kept);
    EXPECT_EQ(at::empty({0}, at::kFloat).data_ptr(), nullptr);
    const at::Tensor x = torch::ones({8, 32, 14, 14});
    const at::Tensor sum = at::conv2d(x, torch::ones({32, 32, 5, 5}), {}, 1, 2);
    EXPECT_EQ(sum[0][0][7][7].item<float>(), 800.0f);
  });
}

TEST(StepMemoryTest, OffItKeepsNothing) {
  in_thread([] {
    const std::size_t before = StepMemory::kept_bytes();
    const StepMemory outer(true);
    {
      const StepMemory memory(false);
      bytes(kMegabyte);
      EXPECT_EQ(StepMemory::kept_bytes(), before);
    }
    bytes(kMegabyte);
    EXPECT_GT(StepMemory::kept_bytes(), before);
  });
}

}  // namespace
}  // namespace skiptrain::learn
