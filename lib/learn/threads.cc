#include "learn/threads.h"

#include <dlfcn.h>

#include <mutex>

#include <ATen/Parallel.h>

namespace skiptrain::learn {
namespace {

// LibTorch does not know of OpenBLAS's own threads. Looked up by name, because which BLAS is
// behind libblas.so.3 is the machine's choice (update-alternatives), not the build's.
void use_blas_threads(std::uint32_t threads) {
  // OpenBLAS's count is a plain variable that its calls read: it is written only when it changes,
  // so that a worker's first computation does not race with those of workers already at work.
  static std::mutex mutex;
  static std::uint32_t current = 0;
  const std::lock_guard lock(mutex);
  if (current == threads) return;
  current = threads;
  using SetThreads = void (*)(int);
  const auto set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (set != nullptr) set(static_cast<int>(threads));
}

}  // namespace

void use_threads(std::uint32_t threads) {
  thread_local std::uint32_t current = 0;
  if (current == threads) return;
  current = threads;
  at::set_num_threads(static_cast<int>(threads));
  use_blas_threads(threads);
}

}  // namespace skiptrain::learn
