// How many threads LibTorch and the BLAS behind it use within one operator. Inside lib/learn only.
#pragma once

#include <cstdint>

namespace skiptrain::learn {

// For the calling thread (OpenMP) and the process (OpenBLAS, if that is the BLAS). Cheap when
// nothing changes: called at the start of every computation, since OpenMP's count is per thread and
// else is the number of cores.
void use_threads(std::uint32_t threads);

}  // namespace skiptrain::learn
