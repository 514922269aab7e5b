// Preloaded into a daemon, it puts the clock that tells the date ten years ahead.
#include <dlfcn.h>

#include <ctime>

extern "C" int clock_gettime(clockid_t clock, struct timespec* now) noexcept {
  using Function = int (*)(clockid_t, struct timespec*);
  static const auto original = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "clock_gettime"));
  constexpr std::time_t kTenYears = 315'360'000;
  const int result = original(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += kTenYears;
  return result;
}
