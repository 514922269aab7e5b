#include "learn/precision.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include <ATen/autocast_mode.h>
#include <torch/version.h>

namespace skiptrain::learn {
namespace {

// LibTorch 2.4 gave every device these functions and deprecated those of one device each.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
bool is_lowered() {
  return at::autocast::is_autocast_enabled(at::kCPU);
}
void set_lowered(bool lowered) {
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, lowered);
}
#else
bool is_lowered() {
  return at::autocast::is_cpu_enabled();
}
void set_lowered(bool lowered) {
  at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
  at::autocast::set_cpu_enabled(lowered);
}
#endif

}  // namespace

std::string_view to_string(Precision precision) {
  return precision == Precision::kBf16 ? "bf16" : "float32";
}

std::string bf16_instructions() {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx512bf16")) return "AVX512_BF16";
#elif defined(__aarch64__) && defined(HWCAP2_BF16)
  if ((getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0) return "FEAT_BF16";
#endif
  return {};
}

Status check_precision(Precision precision) {
  if (precision == Precision::kFloat32 || !bf16_instructions().empty()) return {};
  return fail(
      ErrorCode::kPreconditionFailed,
      "train.precision = \"bf16\": this processor has no instructions for it (AVX512_BF16 on "
      "x86, FEAT_BF16 on Arm) and would be slower than with \"float32\"");
}

PrecisionScope::PrecisionScope(Precision precision) : lowers_(precision == Precision::kBf16) {
  if (!lowers_) return;
  was_enabled_ = is_lowered();
  set_lowered(true);
  at::autocast::increment_nesting();
}

PrecisionScope::~PrecisionScope() {
  if (!lowers_) return;
  // The converted copies of the parameters are good until the optimizer changes those.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  set_lowered(was_enabled_);
}

}  // namespace skiptrain::learn
