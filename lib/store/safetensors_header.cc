#include "store/safetensors_header.h"

#include <algorithm>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "store/safetensors.h"

namespace skiptrain::store {
namespace {

using Json = nlohmann::json;

// {name: {"shape": [n]}}: deeper nesting is not safetensors, and would cost memory.
constexpr int kMaxDepth = 3;

Error corrupt(const std::string& name, const std::string& why) {
  return {ErrorCode::kCorrupt, name + ": not a valid safetensors file: " + why};
}

// Parses JSON that is neither too deep nor has a key of the outermost object twice.
Result<Json> parse_json(std::string_view text, const std::string& name) {
  std::set<std::string> keys;
  std::string problem;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) problem = "its header is nested too deeply";
    if (depth == 1 && event == Json::parse_event_t::key &&
        !keys.insert(parsed.get<std::string>()).second) {
      problem = "tensor " + quoted_name(parsed.get<std::string>()) + " appears twice";
    }
    return depth <= kMaxDepth;
  };
  Json header = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (!problem.empty()) return tl::unexpected(corrupt(name, problem));
  if (header.is_discarded() || !header.is_object()) {
    return tl::unexpected(corrupt(name, "its header is not a JSON object"));
  }
  return header;
}

// Fills `shape` and returns the number of bytes of such a float32 tensor, at most `limit`.
Result<std::uint64_t> parse_shape(const Json& entry, std::uint64_t limit, FileTensor& tensor,
                                  const std::string& name) {
  const auto shape = entry.find("shape");
  if (shape == entry.end() || !shape->is_array() || shape->size() > kMaxRank) {
    return tl::unexpected(corrupt(name, "tensor " + quoted_name(tensor.name) +
                                            ": \"shape\" must be a list of at most 16 numbers"));
  }
  std::uint64_t elements = 1;
  bool has_zero = false;
  for (const Json& extent : *shape) {
    if (!extent.is_number_unsigned()) {
      return tl::unexpected(corrupt(name, "tensor " + quoted_name(tensor.name) +
                                              ": \"shape\" holds something that is no size"));
    }
    const auto value = extent.get<std::uint64_t>();
    // Before multiplying, so that nothing overflows.
    if (value > limit || (value != 0 && elements > limit / sizeof(float) / value)) {
      return tl::unexpected(corrupt(name, "tensor " + quoted_name(tensor.name) +
                                              ": \"shape\" is larger than the file's data"));
    }
    has_zero = has_zero || value == 0;
    if (value != 0) elements *= value;
    tensor.shape.push_back(static_cast<std::int64_t>(value));
  }
  return has_zero ? 0 : elements * sizeof(float);
}

Result<FileTensor> parse_tensor(const std::string& key, const Json& entry, std::uint64_t data_bytes,
                                const std::string& name) {
  FileTensor tensor;
  tensor.name = key;
  const auto bad = [&](const std::string& why) {
    return tl::unexpected(corrupt(name, "tensor " + quoted_name(key) + ": " + why));
  };
  if (!entry.is_object()) return bad("its entry is not a JSON object");
  const auto dtype = entry.find("dtype");
  if (dtype == entry.end() || !dtype->is_string()) return bad("\"dtype\" is missing");
  if (dtype->get<std::string>() != "F32") {
    return fail(ErrorCode::kMismatch, name + ": tensor " + quoted_name(key) + " has dtype " +
                                          quoted_name(dtype->get<std::string>()) +
                                          "; only \"F32\" is supported");
  }
  const auto bytes = parse_shape(entry, data_bytes, tensor, name);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  const auto offsets = entry.find("data_offsets");
  if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2 ||
      !(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned()) {
    return bad("\"data_offsets\" must be two sizes");
  }
  tensor.begin = (*offsets)[0].get<std::uint64_t>();
  tensor.end = (*offsets)[1].get<std::uint64_t>();
  if (tensor.begin > tensor.end || tensor.end > data_bytes) {
    return bad("\"data_offsets\" [" + std::to_string(tensor.begin) + ", " +
               std::to_string(tensor.end) + "] lie outside the " + std::to_string(data_bytes) +
               " bytes of data; the file may be truncated");
  }
  if (tensor.end - tensor.begin != *bytes) {
    return bad("\"data_offsets\" span " + std::to_string(tensor.end - tensor.begin) +
               " bytes, but \"shape\" needs " + std::to_string(*bytes));
  }
  return tensor;
}

// Sorts by offset and demands that the tensors cover the data exactly.
Status check_cover(std::vector<FileTensor>& tensors, std::uint64_t data_bytes,
                   const std::string& name) {
  std::sort(tensors.begin(), tensors.end(), [](const FileTensor& a, const FileTensor& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t covered = 0;
  for (const FileTensor& tensor : tensors) {
    if (tensor.begin != covered) {
      return tl::unexpected(corrupt(
          name,
          "tensor " + quoted_name(tensor.name) +
              (tensor.begin < covered ? " overlaps another one" : " leaves a gap before it")));
    }
    covered = tensor.end;
  }
  if (covered != data_bytes) {
    return tl::unexpected(corrupt(
        name, std::to_string(data_bytes - covered) + " trailing bytes after the last tensor"));
  }
  return {};
}

Status parse_metadata(const Json& entry, FileHeader& header, const std::string& name) {
  if (!entry.is_object()) {
    return tl::unexpected(corrupt(name, "\"__metadata__\" is not a JSON object"));
  }
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) {
      return tl::unexpected(corrupt(name, "\"__metadata__\" holds something that is no text"));
    }
    header.metadata[key] = value.get<std::string>();
  }
  return {};
}

}  // namespace

std::string quoted_name(const std::string& text) {
  constexpr std::size_t kShown = 80;
  std::string shown = "\"";
  for (const char c : text.substr(0, kShown)) {
    shown += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return shown + (text.size() > kShown ? "...\"" : "\"");
}

Result<std::uint64_t> parse_header_length(std::string_view first_bytes, std::uint64_t file_bytes,
                                          const std::string& name) {
  if (file_bytes > kMaxModelFileBytes) {
    return fail(ErrorCode::kResourceExhausted, name + ": " + std::to_string(file_bytes) +
                                                   " bytes: a model file has at most " +
                                                   std::to_string(kMaxModelFileBytes));
  }
  if (first_bytes.size() < kLengthBytes) {
    return tl::unexpected(corrupt(name, "shorter than 8 bytes"));
  }
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) {
    length = length << 8 | static_cast<unsigned char>(first_bytes[i]);
  }
  if (length > file_bytes - kLengthBytes) {
    return tl::unexpected(corrupt(name, "its header of " + std::to_string(length) +
                                            " bytes is longer than the file; the file is "
                                            "truncated, or is something else"));
  }
  if (length > kMaxHeaderBytes) {
    return fail(ErrorCode::kResourceExhausted, name + ": a header of " + std::to_string(length) +
                                                   " bytes: the limit is " +
                                                   std::to_string(kMaxHeaderBytes));
  }
  return length;
}

Result<FileHeader> parse_header(std::string_view json, std::uint64_t data_bytes,
                                const std::string& name) {
  const auto parsed = parse_json(json, name);
  if (!parsed) return tl::unexpected<Error>(parsed.error());
  if (parsed->size() > kMaxTensors) {
    return fail(ErrorCode::kResourceExhausted,
                name + ": more than " + std::to_string(kMaxTensors) + " tensors");
  }
  FileHeader header;
  for (const auto& [key, entry] : parsed->items()) {
    if (key == kMetadataKey) {
      if (auto metadata = parse_metadata(entry, header, name); !metadata) {
        return tl::unexpected<Error>(metadata.error());
      }
      continue;
    }
    auto tensor = parse_tensor(key, entry, data_bytes, name);
    if (!tensor) return tl::unexpected<Error>(tensor.error());
    header.tensors.push_back(std::move(*tensor));
  }
  if (header.tensors.empty()) return tl::unexpected(corrupt(name, "it holds no tensor"));
  if (auto cover = check_cover(header.tensors, data_bytes, name); !cover) {
    return tl::unexpected<Error>(cover.error());
  }
  return header;
}

}  // namespace skiptrain::store
