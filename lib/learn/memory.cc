#include "learn/memory.h"

#include <features.h>  // defines __GLIBC__, if that is what we are on

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace skiptrain::learn {
namespace {

// A thread's own arena is cut into pieces of 64 MiB that come and go; only the main heap stays.
[[maybe_unused]] constexpr int kArenas = 1;
// Above this a tensor is mapped on its own. 32 MiB is the most that glibc takes.
[[maybe_unused]] constexpr int kMapThresholdBytes = 32 << 20;
// So much free memory may lie at the heap's end before it is handed back.
[[maybe_unused]] constexpr int kTrimThresholdBytes = 512 << 20;
// The heap grows by this much more than asked for, so that a step grows it seldom.
[[maybe_unused]] constexpr int kTopPadBytes = 4 << 20;

}  // namespace

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, kArenas);
  mallopt(M_MMAP_THRESHOLD, kMapThresholdBytes);
  mallopt(M_TRIM_THRESHOLD, kTrimThresholdBytes);
  mallopt(M_TOP_PAD, kTopPadBytes);
#endif
}

}  // namespace skiptrain::learn
