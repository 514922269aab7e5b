// Reads the numbers out of a safetensors file: an 8-byte little-endian header length, a JSON header
// with dtype, shape and data_offsets of each tensor, then the raw tensors.
// https://github.com/huggingface/safetensors#format
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"

namespace skiptrain::ctl {

// The F32 tensors in the order of their data, one after the other; other dtypes are skipped.
// kCorrupt says what does not fit.
Result<std::vector<float>> parse_float_tensors(std::string_view file);

}  // namespace skiptrain::ctl
