// Asks the processor for memory that will be needed soon. A hint: it changes no result, and no
// address is too odd for it. Inside lib/sim only.
#pragma once

#include <cstddef>

#include "model/parameters.h"

namespace skiptrain::sim {

inline constexpr std::size_t kCacheLineBytes = 64;
// Of small models all parameters are fetched; of large ones the beginning is enough, for the
// processor sees the rest coming.
inline constexpr std::size_t kFewParametersBytes = 256;

inline void fetch(const void* begin, std::size_t bytes) {
  const auto* at = static_cast<const char*>(begin);
  for (std::size_t offset = 0; offset < bytes; offset += kCacheLineBytes) {
    __builtin_prefetch(at + offset);
  }
}

// The head of a buffer from a ParametersPool, and what follows it: `count` parameters.
inline void fetch_parameters(const Parameters* parameters, std::size_t count) {
  const std::size_t bytes = count * sizeof(float);
  fetch(parameters, kCacheLineBytes + (bytes < kFewParametersBytes ? bytes : kFewParametersBytes));
}

template <typename T>
void fetch(const T* object) {
  fetch(object, sizeof(T));
}

}  // namespace skiptrain::sim
