#include "ctl/testbed/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace skiptrain::ctl {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are copied as they lie");

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit

tl::unexpected<Error> corrupt(const std::string& what) {
  return fail(ErrorCode::kCorrupt, "the exported model is not valid safetensors: " + what);
}

using Span = std::pair<std::uint64_t, std::uint64_t>;  // [begin, end) in the data part

}  // namespace

Result<std::vector<float>> parse_float_tensors(std::string_view file) {
  if (file.size() < kLengthBytes) return corrupt("it is shorter than 8 bytes");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), kLengthBytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > file.size() - kLengthBytes) {
    return corrupt("its header of " + std::to_string(header_bytes) + " bytes does not fit");
  }
  const std::string_view data = file.substr(kLengthBytes + header_bytes);
  std::vector<Span> spans;
  try {
    const auto header = nlohmann::json::parse(file.substr(kLengthBytes, header_bytes));
    for (const auto& [name, tensor] : header.items()) {
      if (name == "__metadata__" || tensor.at("dtype") != "F32") continue;
      const auto span = tensor.at("data_offsets").get<Span>();
      if (span.first > span.second || span.second > data.size() ||
          (span.second - span.first) % sizeof(float) != 0) {
        return corrupt("tensor " + name + " lies outside the file");
      }
      spans.push_back(span);
    }
  } catch (const nlohmann::json::exception& error) {
    return corrupt(error.what());
  }
  std::sort(spans.begin(), spans.end());
  std::vector<float> numbers;
  for (const auto& [begin, end] : spans) {
    const std::size_t old = numbers.size();
    numbers.resize(old + (end - begin) / sizeof(float));
    std::memcpy(numbers.data() + old, data.data() + begin, end - begin);
  }
  return numbers;
}

}  // namespace skiptrain::ctl
