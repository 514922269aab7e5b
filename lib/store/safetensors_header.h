// The JSON header of a safetensors file: from bytes to checked tensor entries. Inside lib/store
// only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace skiptrain::store {

inline constexpr std::string_view kMetadataKey = "__metadata__";
inline constexpr std::size_t kLengthBytes = 8;

// One tensor of a file; its bytes are data[begin, end).
struct FileTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct FileHeader {
  std::map<std::string, std::string> metadata;
  std::vector<FileTensor> tensors;  // by offset: they cover the data without gaps or overlaps
};

// A name from a file may be anything; in a message it is cut, cleaned and quoted.
std::string quoted_name(const std::string& text);

// The header's length from a file's first 8 bytes, checked against the file's size and the limit.
Result<std::uint64_t> parse_header_length(std::string_view first_bytes, std::uint64_t file_bytes,
                                          const std::string& name);

// `json` is the header, `data_bytes` the size of what follows it in the file.
Result<FileHeader> parse_header(std::string_view json, std::uint64_t data_bytes,
                                const std::string& name);

}  // namespace skiptrain::store
