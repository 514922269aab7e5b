// SKIPTRAIN_CHECK stops the process on a bug of our own, in every build. Never use it on a peer's
// bytes, a file or a user's input: those get an Error.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace skiptrain::internal {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line,
                                      const char* why) {
  std::fprintf(stderr, "%s:%d: internal check failed: %s (%s)\n", file, line, condition, why);
  std::abort();
}

}  // namespace skiptrain::internal

#define SKIPTRAIN_CHECK(condition, why)                                         \
  do {                                                                          \
    if (!(condition)) [[unlikely]]                                              \
      ::skiptrain::internal::check_failed(#condition, __FILE__, __LINE__, why); \
  } while (false)
