#include "learn/memory.h"

#include <sys/resource.h>

#include <cstddef>
#include <cstring>
#include <memory>

#include <gtest/gtest.h>

namespace skiptrain::learn {
namespace {

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// Takes, touches and frees a block as large as an activation of GN-LeNet's first layer.
void use_a_tensors_worth() {
  constexpr std::size_t kBytes = std::size_t{4} << 20;
  const auto block = std::make_unique<unsigned char[]>(kBytes);
  std::memset(block.get(), 1, kBytes);
  // Keeps the compiler from leaving the block out altogether.
  asm volatile("" : : "r"(block.get()) : "memory");
}

TEST(KeepFreedMemoryTest, ALargeBlockFaultsItsPagesInOnlyOnce) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "another allocator than glibc's is at work";
#endif
  keep_freed_memory();
  use_a_tensors_worth();
  const long before = page_faults();
  for (int i = 0; i < 10; ++i) use_a_tensors_worth();
  // Handed back to the kernel each time, the ten blocks would cost 10240 faults of 4 KiB.
  EXPECT_LT(page_faults() - before, 1024);
}

}  // namespace
}  // namespace skiptrain::learn
