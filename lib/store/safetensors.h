// Model files in the safetensors format: for checkpoints, for `skipctl model export`, and to start
// a run from parameters trained elsewhere.
//
// A file is
//   8 bytes   length N of the header, little-endian
//   N bytes   JSON: {"__metadata__": {string: string}, NAME: {"dtype", "shape", "data_offsets"},
//   ...}
//             padded with spaces so that the data start at a multiple of 8
//   the rest  raw tensors, little-endian, row-major, without gaps or overlaps
// (https://github.com/huggingface/safetensors). Only float32 tensors are written or taken. Our own
// files say in the metadata which round, run and layout they are and carry the XXH3-64 of the data
// and that of all before it (with zeros in place of its own digits), so that no flipped bit goes
// unseen.
//
// Reading trusts nothing: every number is checked against the file's size before memory is taken.
// Errors start with the file's name. kNotFound: cannot be opened. kCorrupt: not safetensors,
// truncated, trailing bytes, wrong checksum. kMismatch: another model's tensors.
// kResourceExhausted: beyond a limit below. Pure functions but for the files; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "model/parameter_layout.h"
#include "model/parameters.h"
#include "store/files.h"

namespace skiptrain::store {

inline constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{32} << 20;
inline constexpr std::uint64_t kMaxModelFileBytes = std::uint64_t{4} << 30;
inline constexpr std::size_t kMaxTensors = 10'000;
inline constexpr std::size_t kMaxRank = 16;

// What a model file says about itself besides its tensors.
struct ModelFileInfo {
  std::optional<Round> round;  // x(round): rounds done before it
  std::string run_id;
  // Anything else, as text; the keys that we use ourselves are refused when writing.
  std::map<std::string, std::string> extra;
};

struct ModelFile {
  ParameterLayout layout;  // the expected one if given, else the file's tensors by offset
  ParametersPtr parameters;
  ModelFileInfo info;
  // It carries both checksums, so every byte of it was checked. Files of other programs do not.
  bool checksummed = false;
};

// The whole file in memory. `values` has the layout's size. kInvalidArgument: a key of `extra` that
// is ours, or text that is not UTF-8.
Result<std::string> encode_safetensors(const ParameterLayout& layout, std::span<const float> values,
                                       const ModelFileInfo& info);
// Replaces `path` at once and durably: whoever reads it, also after a crash, sees the old file or
// the new one. kResourceExhausted if the disk is full; kUnavailable, with the system's reason, if
// it cannot be written.
Status write_safetensors(Files& files, const std::string& path, const ParameterLayout& layout,
                         std::span<const float> values, const ModelFileInfo& info);
Status write_safetensors(const std::string& path, const ParameterLayout& layout,
                         std::span<const float> values, const ModelFileInfo& info);

// `name` stands for the file in errors. With `expected`, the tensors may lie in any order but must
// be just those of the layout, and the result is in the layout's order.
Result<ModelFile> decode_safetensors(std::span<const std::byte> file, const std::string& name,
                                     const ParameterLayout* expected = nullptr);
Result<ModelFile> read_safetensors(Files& files, const std::string& path,
                                   const ParameterLayout* expected = nullptr);
Result<ModelFile> read_safetensors(const std::string& path,
                                   const ParameterLayout* expected = nullptr);

}  // namespace skiptrain::store
