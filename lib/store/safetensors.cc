#include "store/safetensors.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

#define XXH_INLINE_ALL
#include <nlohmann/json.hpp>
#include <xxhash.h>

#include "base/check.h"
#include "store/atomic_file.h"
#include "store/safetensors_header.h"

namespace skiptrain::store {
namespace {

constexpr const char* kRoundKey = "round";
constexpr const char* kRunIdKey = "run_id";
constexpr const char* kLayoutKey = "layout_fingerprint";
constexpr const char* kChecksumKey = "xxh3_64";
// Of all before the data, with zeros in place of its own digits.
constexpr const char* kHeaderChecksumKey = "header_xxh3_64";
constexpr std::array kOurKeys = {kRoundKey, kRunIdKey, kLayoutKey, kChecksumKey,
                                 kHeaderChecksumKey};
constexpr std::size_t kHexDigits = 16;

constexpr std::size_t kDataAlignment = 8;

std::string hex(std::uint64_t value) {
  std::array<char, kHexDigits> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
  const std::string text(digits.data(), end);
  return std::string(digits.size() - text.size(), '0') + text;
}

std::string_view bytes_of(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

// Where the digits of the header's own checksum stand in it; npos if they do not.
std::size_t seal_position(std::string_view header, const std::string& digits) {
  const std::string before = std::string("\"") + kHeaderChecksumKey + "\":\"";
  const std::size_t found = header.find(before + digits + "\"");
  return found == std::string_view::npos ? found : found + before.size();
}

// The length and the JSON: all that goes before the tensors.
Result<std::string> encode_header(const ParameterLayout& layout, std::span<const float> values,
                                  const ModelFileInfo& info) {
  nlohmann::ordered_json header;
  nlohmann::ordered_json& metadata = header[std::string(kMetadataKey)];
  if (info.round) metadata[kRoundKey] = to_string(*info.round);
  metadata[kRunIdKey] = info.run_id;
  metadata[kLayoutKey] = hex(layout.fingerprint().value());
  metadata[kChecksumKey] = hex(XXH3_64bits(values.data(), values.size_bytes()));
  metadata[kHeaderChecksumKey] = hex(0);
  for (const auto& [key, value] : info.extra) {
    if (std::find(kOurKeys.begin(), kOurKeys.end(), key) != kOurKeys.end()) {
      return fail(ErrorCode::kInvalidArgument, "metadata key \"" + key + "\" is set by the writer");
    }
    metadata[key] = value;
  }
  for (const TensorSpec& tensor : layout.tensors()) {
    const std::size_t begin = tensor.offset * sizeof(float);
    header[tensor.name] = {
        {"dtype", "F32"},
        {"shape", tensor.shape},
        {"data_offsets", {begin, begin + tensor.element_count() * sizeof(float)}}};
  }
  std::string json;
  try {
    json = header.dump();
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::kInvalidArgument, "the metadata of a model file must be UTF-8 text");
  }
  json.resize((json.size() + kDataAlignment - 1) / kDataAlignment * kDataAlignment, ' ');
  if (json.size() > kMaxHeaderBytes) {
    return fail(ErrorCode::kResourceExhausted,
                "the header of a model file has " + std::to_string(json.size()) +
                    " bytes: the limit is " + std::to_string(kMaxHeaderBytes));
  }
  std::string encoded;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    encoded += static_cast<char>(static_cast<std::uint64_t>(json.size()) >> (8 * i) & 0xff);
  }
  encoded += json;
  const std::size_t seal = seal_position(encoded, hex(0));
  SKIPTRAIN_CHECK(seal != std::string::npos, "the header has a place for its checksum");
  encoded.replace(seal, kHexDigits, hex(XXH3_64bits(encoded.data(), encoded.size())));
  return encoded;
}

// Whether `head`, all before the data, carries the checksum that it has. False: it carries none, as
// files of other programs. kCorrupt: another one.
Result<bool> is_sealed(std::string head, const FileHeader& header, const std::string& name) {
  const auto declared = header.metadata.find(kHeaderChecksumKey);
  if (declared == header.metadata.end()) return false;
  const std::size_t seal = seal_position(head, declared->second);
  if (seal != std::string::npos && declared->second.size() == kHexDigits) {
    head.replace(seal, kHexDigits, hex(0));
    if (hex(XXH3_64bits(head.data(), head.size())) == declared->second) return true;
  }
  return fail(ErrorCode::kCorrupt,
              name + ": damaged: the checksum of its header is not the one in its metadata");
}

// Where each of the file's tensors goes in the flat buffer, in elements.
Result<std::vector<std::size_t>> place_tensors(const FileHeader& header,
                                               const ParameterLayout& expected,
                                               const std::string& name) {
  const auto mismatch = [&](const std::string& why) {
    return fail(ErrorCode::kMismatch, name + ": is of another model: " + why);
  };
  std::map<std::string_view, const TensorSpec*> missing;
  for (const TensorSpec& spec : expected.tensors()) missing[spec.name] = &spec;
  std::vector<std::size_t> offsets;
  for (const FileTensor& tensor : header.tensors) {
    const auto found = missing.find(tensor.name);
    if (found == missing.end()) {
      return mismatch("it holds a tensor " + quoted_name(tensor.name) +
                      " that this model does not have");
    }
    if (found->second->shape != tensor.shape) {
      const auto text = [](const std::vector<std::int64_t>& shape) {
        return nlohmann::json(shape).dump();
      };
      return mismatch("tensor " + quoted_name(tensor.name) + " has shape " + text(tensor.shape) +
                      ", but the model's is " + text(found->second->shape));
    }
    offsets.push_back(found->second->offset);
    missing.erase(found);
  }
  if (!missing.empty()) {
    return mismatch("tensor \"" + std::string(missing.begin()->first) + "\" is missing");
  }
  return offsets;
}

Result<ModelFileInfo> info_from(std::map<std::string, std::string> metadata,
                                const std::string& name) {
  ModelFileInfo info;
  if (const auto round = metadata.find(kRoundKey); round != metadata.end()) {
    const std::string& text = round->second;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      return fail(ErrorCode::kCorrupt, name + ": its metadata's \"round\" is not a number");
    }
    info.round = Round(value);
  }
  info.run_id = metadata[kRunIdKey];
  for (const char* key : kOurKeys) metadata.erase(key);
  info.extra = std::move(metadata);
  return info;
}

// `read(offset, out)` copies bytes of the data section; it returns a Status.
template <typename Read>
Result<ModelFile> assemble(const std::string& head, FileHeader header, const std::string& name,
                           const ParameterLayout* expected, const Read& read) {
  ModelFile file;
  const auto sealed = is_sealed(head, header, name);
  if (!sealed) return tl::unexpected<Error>(sealed.error());
  file.checksummed = *sealed && header.metadata.contains(kChecksumKey);
  std::vector<std::size_t> offsets;
  if (expected != nullptr) {
    auto placed = place_tensors(header, *expected, name);
    if (!placed) return tl::unexpected<Error>(placed.error());
    offsets = std::move(*placed);
    file.layout = *expected;
  } else {
    for (const FileTensor& tensor : header.tensors) {
      offsets.push_back(file.layout.parameter_count());
      file.layout.append(tensor.name, tensor.shape);
    }
  }
  auto parameters = std::make_shared<Parameters>(file.layout.parameter_count());
  XXH3_state_t checksum;
  XXH3_64bits_reset(&checksum);
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const FileTensor& tensor = header.tensors[i];
    const auto out = parameters->bytes().subspan(
        offsets[i] * sizeof(float), static_cast<std::size_t>(tensor.end - tensor.begin));
    if (auto done = read(tensor.begin, out); !done) return tl::unexpected<Error>(done.error());
    // The tensors come in the order of the file, so this hashes its data section as it lies.
    XXH3_64bits_update(&checksum, out.data(), out.size());
  }
  if (const auto declared = header.metadata.find(kChecksumKey);
      declared != header.metadata.end() && declared->second != hex(XXH3_64bits_digest(&checksum))) {
    return fail(ErrorCode::kCorrupt,
                name + ": damaged: the checksum of its data is not the one in its metadata");
  }
  auto info = info_from(std::move(header.metadata), name);
  if (!info) return tl::unexpected<Error>(info.error());
  file.info = std::move(*info);
  file.parameters = std::move(parameters);
  return file;
}

Status read_exactly(File& file, std::uint64_t offset, std::span<std::byte> out,
                    const std::string& path) {
  const auto got = file.read(offset, out);
  if (!got) return tl::unexpected<Error>(to_error(path, got.error()));
  if (*got != out.size()) {
    return fail(ErrorCode::kCorrupt, path + ": became shorter while being read");
  }
  return {};
}

}  // namespace

Result<std::string> encode_safetensors(const ParameterLayout& layout, std::span<const float> values,
                                       const ModelFileInfo& info) {
  SKIPTRAIN_CHECK(values.size() == layout.parameter_count(), "the layout describes the values");
  auto encoded = encode_header(layout, values, info);
  if (encoded) encoded->append(bytes_of(values));
  return encoded;
}

Status write_safetensors(Files& files, const std::string& path, const ParameterLayout& layout,
                         std::span<const float> values, const ModelFileInfo& info) {
  SKIPTRAIN_CHECK(values.size() == layout.parameter_count(), "the layout describes the values");
  const auto header = encode_header(layout, values, info);
  if (!header) return fail(header.error().code, path + ": " + header.error().message);
  return replace_file(files, path, std::array<std::string_view, 2>{*header, bytes_of(values)});
}

Status write_safetensors(const std::string& path, const ParameterLayout& layout,
                         std::span<const float> values, const ModelFileInfo& info) {
  return write_safetensors(real_files(), path, layout, values, info);
}

Result<ModelFile> decode_safetensors(std::span<const std::byte> file, const std::string& name,
                                     const ParameterLayout* expected) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const auto length = parse_header_length(text.substr(0, kLengthBytes), text.size(), name);
  if (!length) return tl::unexpected<Error>(length.error());
  const std::span<const std::byte> data = file.subspan(kLengthBytes + *length);
  auto header = parse_header(text.substr(kLengthBytes, *length), data.size(), name);
  if (!header) return tl::unexpected<Error>(header.error());
  const std::string head(text.substr(0, kLengthBytes + *length));
  return assemble(head, std::move(*header), name, expected,
                  [&](std::uint64_t offset, std::span<std::byte> out) -> Status {
                    if (!out.empty()) std::memcpy(out.data(), data.data() + offset, out.size());
                    return {};
                  });
}

Result<ModelFile> read_safetensors(Files& files, const std::string& path,
                                   const ParameterLayout* expected) {
  const auto file = files.open(path, OpenMode::kRead);
  if (!file) {
    return tl::unexpected<Error>(to_error(path, file.error()));
  }
  const auto size = (*file)->size();
  if (!size) return fail(ErrorCode::kInvalidArgument, path + ": is not a regular file");
  std::string head(std::min<std::uint64_t>(*size, kLengthBytes), '\0');
  if (auto done = read_exactly(**file, 0, std::as_writable_bytes(std::span(head)), path); !done) {
    return tl::unexpected<Error>(done.error());
  }
  const auto length = parse_header_length(head, *size, path);
  if (!length) return tl::unexpected<Error>(length.error());
  head.resize(kLengthBytes + *length);
  const auto json = std::as_writable_bytes(std::span(head)).subspan(kLengthBytes);
  if (auto done = read_exactly(**file, kLengthBytes, json, path); !done) {
    return tl::unexpected<Error>(done.error());
  }
  const std::uint64_t data_at = head.size();
  auto header = parse_header(std::string_view(head).substr(kLengthBytes), *size - data_at, path);
  if (!header) return tl::unexpected<Error>(header.error());
  return assemble(head, std::move(*header), path, expected,
                  [&](std::uint64_t offset, std::span<std::byte> out) {
                    return read_exactly(**file, data_at + offset, out, path);
                  });
}

Result<ModelFile> read_safetensors(const std::string& path, const ParameterLayout* expected) {
  return read_safetensors(real_files(), path, expected);
}

}  // namespace skiptrain::store
