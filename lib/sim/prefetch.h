// Asks the processor for memory that will be needed soon. A hint: it changes no result, and no
// address is too odd for it. Inside lib/sim only.
#pragma once

#include <cstddef>

namespace skiptrain::sim {

inline constexpr std::size_t kCacheLineBytes = 64;
// Of small models, all; of large ones the beginning is enough, for the processor sees the rest
// coming.
inline constexpr std::size_t kFewParametersBytes = 128;

inline void fetch(const void* begin, std::size_t bytes) {
  const auto* at = static_cast<const char*>(begin);
  for (std::size_t offset = 0; offset < bytes; offset += kCacheLineBytes) {
    __builtin_prefetch(at + offset);
  }
}

template <typename T>
void fetch(const T* object) {
  fetch(object, sizeof(T));
}

}  // namespace skiptrain::sim
