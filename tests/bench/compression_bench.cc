// How fast updates are packed and unpacked, beside memcpy of the same numbers in the same run.
//
//   compression_bench [PARAMETERS]...
//
// Prints GB/s of float32 numbers, the median of a hundred calls, and the ratio to memcpy.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <tuple>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "model/difference_coding.h"
#include "model/half_floats.h"

namespace skiptrain {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kRepetitions = 101;

double seconds_of(const std::function<void()>& work) {
  work();
  std::vector<double> times;
  for (std::size_t repetition = 0; repetition < kRepetitions; ++repetition) {
    const auto begin = Clock::now();
    work();
    times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  const auto middle = times.begin() + kRepetitions / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

void measure(std::size_t count) {
  Rng rng(1);
  std::vector<float> values(count), copy(count), out(count);
  for (std::size_t k = 0; k < count; ++k) {
    copy[k] = static_cast<float>(0.05 * rng.normal());
    values[k] = copy[k] + static_cast<float>(0.002 * rng.normal());
  }
  std::vector<std::uint16_t> halves(count);
  std::vector<std::byte> payload;
  std::vector<std::uint32_t> scratch;
  const double bytes = static_cast<double>(count * sizeof(float));
  const double plain =
      seconds_of([&] { std::memcpy(out.data(), values.data(), count * sizeof(float)); });
  const auto line = [&](const char* what, double seconds, double packed) {
    std::printf("%9zu  %-18s %8.2f GB/s  %6.2f of memcpy  %8.1f us", count, what,
                bytes / seconds / 1e9, plain / seconds, seconds * 1e6);
    if (packed > 0) std::printf("  %.3f of the bytes", packed / bytes);
    std::printf("\n");
  };
  line("memcpy", plain, 0);
  line("bf16 pack", seconds_of([&] { to_bfloat16(values, halves); }), bytes / 2);
  line("bf16 unpack", seconds_of([&] { from_bfloat16(halves, out); }), 0);
  line("fp16 pack", seconds_of([&] { to_float16(values, halves); }), bytes / 2);
  line("fp16 unpack", seconds_of([&] { from_float16(halves, out); }), 0);
  const double int8 = seconds_of([&] { encode_int8_difference(values, copy, payload, out); });
  line("int8 pack", int8, static_cast<double>(payload.size()));
  line("int8 unpack", seconds_of([&] {
         SKIPTRAIN_CHECK(decode_int8_difference(payload, copy, out).has_value(), "it is valid");
       }),
       0);
  for (const auto& [fraction, pack, unpack] :
       {std::tuple(0.1, "top-k:0.1 pack", "top-k:0.1 unpack"),
        std::tuple(0.01, "top-k:0.01 pack", "top-k:0.01 unpack")}) {
    const std::size_t k = top_k_count(count, fraction);
    const double top_k =
        seconds_of([&] { encode_top_k_difference(values, copy, k, scratch, payload, out); });
    line(pack, top_k, static_cast<double>(payload.size()));
    line(unpack, seconds_of([&] {
           SKIPTRAIN_CHECK(decode_top_k_difference(payload, copy, out).has_value(), "it is valid");
         }),
         0);
  }
}

}  // namespace
}  // namespace skiptrain

int main(int argc, char** argv) {
  std::vector<std::size_t> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoull(argv[i], nullptr, 10));
  if (sizes.empty()) sizes = {83'754, 1'690'046};
  for (const std::size_t size : sizes) skiptrain::measure(size);
  return 0;
}
