#include "learn/memory.h"

#include <features.h>  // defines __GLIBC__, if that is what we are on

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace skiptrain::learn {
namespace {

// Above this a tensor is mapped on its own. 32 MiB is the most that glibc takes.
[[maybe_unused]] constexpr int kMapThresholdBytes = 32 << 20;
// So much free memory may lie at the heap's end before it is handed back.
[[maybe_unused]] constexpr int kTrimThresholdBytes = 64 << 20;
// A heap grows by this much more than asked for; of that, only what is used becomes resident. A
// thread's heap consists of pieces of 64 MiB, and glibc drops the last one when it is empty unless
// that would leave less than this much room: so it never does.
[[maybe_unused]] constexpr int kTopPadBytes = 64 << 20;
// Far beyond any machine's cores.
[[maybe_unused]] constexpr std::uint32_t kMaxHeaps = 4096;

}  // namespace

void keep_freed_memory([[maybe_unused]] std::uint32_t workers) {
#ifdef __GLIBC__
  // The first heap is the main thread's.
  const std::uint32_t heaps = workers <= 1 ? 1 : workers < kMaxHeaps ? workers + 1 : kMaxHeaps;
  mallopt(M_ARENA_MAX, static_cast<int>(heaps));
  mallopt(M_MMAP_THRESHOLD, kMapThresholdBytes);
  mallopt(M_TRIM_THRESHOLD, kTrimThresholdBytes);
  mallopt(M_TOP_PAD, kTopPadBytes);
#endif
}

}  // namespace skiptrain::learn
