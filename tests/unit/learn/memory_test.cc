#include "learn/memory.h"

#include <malloc.h>
#include <sys/resource.h>

#include <barrier>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SKIP_WITHOUT_GLIBC_MALLOC() GTEST_SKIP() << "another allocator than glibc's is at work"
#else
#define SKIP_WITHOUT_GLIBC_MALLOC() static_cast<void>(0)
#endif

namespace skiptrain::learn {
namespace {

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// Takes, touches and frees `count` blocks as large as an activation of GN-LeNet's first layer.
void use_tensors(std::size_t count = 1) {
  constexpr std::size_t kBytes = std::size_t{4} << 20;
  std::vector<std::unique_ptr<unsigned char[]>> blocks;
  for (std::size_t i = 0; i < count; ++i) {
    blocks.push_back(std::make_unique<unsigned char[]>(kBytes));
    std::memset(blocks.back().get(), 1, kBytes);
    // Keeps the compiler from leaving the block out altogether.
    asm volatile("" : : "r"(blocks.back().get()) : "memory");
  }
}

// How many heaps the allocator keeps.
long heap_count() {
  long count = 0;
#ifdef __GLIBC__
  char* text = nullptr;
  std::size_t size = 0;
  FILE* file = open_memstream(&text, &size);
  malloc_info(0, file);
  std::fclose(file);
  const std::string_view page(text, size);
  constexpr std::string_view kHeap = "<heap nr=";
  for (auto at = page.find(kHeap); at != page.npos; at = page.find(kHeap, at + 1)) ++count;
  std::free(text);
#endif
  return count;
}

// Each of `count` threads computes while all others live.
void use_tensors_in_threads(std::size_t count) {
  std::barrier together(static_cast<std::ptrdiff_t>(count));
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&together] {
      together.arrive_and_wait();
      use_tensors();
      together.arrive_and_wait();
    });
  }
}

TEST(KeepFreedMemoryTest, ALargeBlockFaultsItsPagesInOnlyOnce) {
  SKIP_WITHOUT_GLIBC_MALLOC();
  keep_freed_memory();
  use_tensors();
  const long before = page_faults();
  for (int i = 0; i < 10; ++i) use_tensors();
  // Handed back to the kernel each time, the ten blocks would cost 10240 faults of 4 KiB.
  EXPECT_LT(page_faults() - before, 1024);
}

// The allocator settles on its number of heaps once in a process, so each of these tests looks at a
// process of its own.
class WorkerHeapsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_GLIBC_MALLOC();
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
  [[noreturn]] static void end_with(long measured, bool good) {
    std::fprintf(stderr, "measured: %ld\n", measured);
    std::exit(good ? 0 : 1);
  }
};

TEST_F(WorkerHeapsTest, WithOneWorkerAllThreadsShareOne) {
  const auto measure = [] {
    keep_freed_memory();
    use_tensors_in_threads(4);
    end_with(heap_count(), heap_count() == 1);
  };
  EXPECT_EXIT(measure(), ::testing::ExitedWithCode(0), "");
}

TEST_F(WorkerHeapsTest, WorkersHaveTheirOwnAndThereAreNoMore) {
  const auto measure = [](std::size_t threads) {
    keep_freed_memory(2);
    use_tensors_in_threads(threads);
    end_with(heap_count(), heap_count() == 3);  // two workers' and the main thread's
  };
  EXPECT_EXIT(measure(2), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(measure(6), ::testing::ExitedWithCode(0), "");
}

TEST_F(WorkerHeapsTest, StayThoughLargerThanOneOfGlibcsPieces) {
  const auto measure = [] {
    keep_freed_memory(2);
    long faults = 0;
    std::jthread([&faults] {
      constexpr std::size_t kBlocks = 40;  // 160 MiB at once; a piece is 64 MiB
      use_tensors(kBlocks);
      const long before = page_faults();
      for (int i = 0; i < 5; ++i) use_tensors(kBlocks);
      faults = page_faults() - before;
    }).join();
    end_with(faults, faults < 10240);  // all handed back, it would be 204800
  };
  EXPECT_EXIT(measure(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace skiptrain::learn
