#include "learn/precision.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include <algorithm>
#include <chrono>
#include <limits>

#include <ATen/autocast_mode.h>
#include <torch/torch.h>
#include <torch/version.h>

namespace skiptrain::learn {
namespace {

// LibTorch 2.4 gave every device these functions and deprecated those of one device each.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
bool is_lowered(Place place) {
  return at::autocast::is_autocast_enabled(device_of(place).type());
}
void set_lowered(Place place, bool lowered) {
  at::autocast::set_autocast_dtype(device_of(place).type(), at::kBFloat16);
  at::autocast::set_autocast_enabled(device_of(place).type(), lowered);
}
#else
bool is_lowered(Place place) {
  return place == Place::kCuda ? at::autocast::is_enabled() : at::autocast::is_cpu_enabled();
}
void set_lowered(Place place, bool lowered) {
  if (place == Place::kCuda) {
    at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
    return at::autocast::set_enabled(lowered);
  }
  at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
  at::autocast::set_cpu_enabled(lowered);
}
#endif

// Of one product of two square matrices in `place`, the fastest of several.
double product_seconds(Place place, at::ScalarType type) {
  constexpr std::int64_t kSide = 2048;
  constexpr int kTries = 5;
  using Clock = std::chrono::steady_clock;
  const torch::NoGradGuard no_grad;
  const at::Tensor factor =
      at::ones({kSide, kSide}, at::TensorOptions(type).device(device_of(place)));
  double fastest = std::numeric_limits<double>::infinity();
  for (int i = 0; i <= kTries; ++i) {
    const auto begin = Clock::now();
    // Reading one number waits for all.
    at::matmul(factor, factor)[0][0].to(at::kFloat).item<float>();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (i > 0) fastest = std::min(fastest, seconds);  // the first one loads libraries
  }
  return fastest;
}

}  // namespace

std::string bf16_instructions() {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx512bf16")) return "AVX512_BF16";
#elif defined(__aarch64__) && defined(HWCAP2_BF16)
  if ((getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0) return "FEAT_BF16";
#endif
  return {};
}

Status check_precision(Precision precision, Place place) {
  if (precision == Precision::kFloat32) return {};
  if (place == Place::kCuda) {
    if (product_seconds(place, at::kBFloat16) < product_seconds(place, at::kFloat)) return {};
    return fail(ErrorCode::kPreconditionFailed,
                "train.precision = \"bf16\": this GPU multiplies matrices of it no faster than "
                "those of \"float32\"");
  }
  if (!bf16_instructions().empty()) return {};
  return fail(
      ErrorCode::kPreconditionFailed,
      "train.precision = \"bf16\": this processor has no instructions for it (AVX512_BF16 on "
      "x86, FEAT_BF16 on Arm) and would be slower than with \"float32\"");
}

PrecisionScope::PrecisionScope(Precision precision, Place place)
    : lowers_(precision == Precision::kBf16), place_(place) {
  if (!lowers_) return;
  was_enabled_ = is_lowered(place_);
  set_lowered(place_, true);
  at::autocast::increment_nesting();
}

PrecisionScope::~PrecisionScope() {
  if (!lowers_) return;
  // The converted copies of the parameters are good until the optimizer changes those.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  set_lowered(place_, was_enabled_);
}

}  // namespace skiptrain::learn
