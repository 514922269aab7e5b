#include "learn/threads.h"

#include <dlfcn.h>

#include <ATen/Parallel.h>

namespace skiptrain::learn {

void use_threads(std::uint32_t threads) {
  thread_local std::uint32_t current = 0;
  if (current == threads) return;
  current = threads;
  at::set_num_threads(static_cast<int>(threads));
  // LibTorch does not know of OpenBLAS's own threads. Looked up by name, because which BLAS is
  // behind libblas.so.3 is the machine's choice (update-alternatives), not the build's.
  using SetThreads = void (*)(int);
  const auto set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (set != nullptr) set(static_cast<int>(threads));
}

}  // namespace skiptrain::learn
