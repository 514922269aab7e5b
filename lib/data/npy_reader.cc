#include "data/npy_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "data/mapped_file.h"

namespace skiptrain::data {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::size_t kVersionAt = 6;
constexpr std::size_t kLengthAt = 8;
constexpr std::array kDTypes = {DType::kBool,  DType::kUint8,   DType::kInt32,
                                DType::kInt64, DType::kFloat32, DType::kFloat64};

Error not_npy(const std::string& name, const std::string& why) {
  return {ErrorCode::kCorrupt, name + ": not a .npy file of NumPy: " + why};
}

// What a file says may be anything; in a message it is cut and cleaned.
std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 40;
  std::string shown = "'";
  for (const char c : text.substr(0, kShown)) shown += c < 0x20 || c > 0x7e ? '?' : c;
  return shown + (text.size() > kShown ? "...'" : "'");
}

std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads the few forms of a Python literal that a header consists of. Each method skips the spaces
// before what it takes, and takes nothing if that is not there.
class Literal {
 public:
  explicit Literal(std::string_view text) : rest_(text) {}

  bool take(std::string_view token) {
    skip_spaces();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  // Without escapes, which no header has.
  std::optional<std::string_view> take_string() {
    skip_spaces();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return std::nullopt;
    const std::size_t end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::optional<bool> take_bool() {
    if (take("True")) return true;
    if (take("False")) return false;
    return std::nullopt;
  }
  std::optional<std::uint64_t> take_extent() {
    skip_spaces();
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(stop - rest_.data()));
    return value;
  }
  bool at_end() {
    skip_spaces();
    return rest_.empty();
  }

 private:
  void skip_spaces() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n\r"), rest_.size()));
  }

  std::string_view rest_;
};

// What the three keys say, each once.
struct Fields {
  std::optional<std::string_view> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::uint64_t>> shape;
};

Status parse_shape(Literal& literal, Fields& fields, const std::string& name) {
  const auto bad = [&](const std::string& why) -> Status {
    return tl::unexpected(not_npy(name, "its header's shape " + why));
  };
  if (!literal.take("(")) return bad("must be a tuple, such as (60000, 784)");
  std::vector<std::uint64_t> shape;
  while (!literal.take(")")) {
    const auto extent = literal.take_extent();
    if (!extent) return bad("must consist of whole numbers from 0 on, such as (60000, 784)");
    shape.push_back(*extent);
    if (shape.size() > kMaxArrayRank) {
      return fail(ErrorCode::kResourceExhausted, name + ": more than " +
                                                     std::to_string(kMaxArrayRank) +
                                                     " dimensions, which is the limit");
    }
    // Python needs the comma after an only number, and allows one after the last of several.
    const bool comma = literal.take(",");
    if (!comma && shape.size() == 1) return bad("must be a tuple, such as (60000,)");
    if (!comma && !literal.take(")")) return bad("has no closing bracket");
    if (!comma) break;
  }
  fields.shape = std::move(shape);
  return {};
}

Status parse_field(std::string_view key, Literal& literal, Fields& fields,
                   const std::string& name) {
  const auto bad = [&](const std::string& why) -> Status {
    return tl::unexpected(not_npy(name, "its header " + why));
  };
  if (key == "descr" && !fields.descr) {
    if (literal.take("[")) {
      return fail(ErrorCode::kInvalidArgument,
                  name + ": a structured array: save each of its fields as an array of its own");
    }
    fields.descr = literal.take_string();
    return fields.descr ? Status() : bad("needs a text for 'descr'");
  }
  if (key == "fortran_order" && !fields.fortran_order) {
    fields.fortran_order = literal.take_bool();
    return fields.fortran_order ? Status() : bad("needs True or False for 'fortran_order'");
  }
  if (key == "shape" && !fields.shape) return parse_shape(literal, fields, name);
  return bad("has the key " + quoted(key) +
             ": must have 'descr', 'fortran_order' and 'shape', each once");
}

Result<Fields> parse_fields(std::string_view text, const std::string& name) {
  const auto bad = [&](const std::string& why) { return tl::unexpected(not_npy(name, why)); };
  Literal literal(text);
  Fields fields;
  if (!literal.take("{")) return bad("its header is not a Python dictionary");
  while (!literal.take("}")) {
    const auto key = literal.take_string();
    if (!key || !literal.take(":")) return bad("its header is not a Python dictionary");
    if (auto field = parse_field(*key, literal, fields, name); !field) {
      return tl::unexpected<Error>(field.error());
    }
    if (literal.take(",")) continue;
    if (!literal.take("}")) return bad("its header has no closing brace");
    break;
  }
  if (!literal.at_end()) return bad("there is something after its header's closing brace");
  if (!fields.descr || !fields.fortran_order || !fields.shape) {
    return bad("its header must have 'descr', 'fortran_order' and 'shape'");
  }
  return fields;
}

// "<f4": the order of bytes, '|' where there is none, then the type.
Status read_descr(std::string_view descr, ArrayType& type, const std::string& name) {
  const auto dtype = std::find_if(kDTypes.begin(), kDTypes.end(), [&](DType known) {
    return descr.size() == 3 && to_string(known) == descr.substr(1);
  });
  const bool is_known = dtype != kDTypes.end() && (descr.front() == '<' || descr.front() == '>' ||
                                                   (descr.front() == '|' && bytes_of(*dtype) == 1));
  if (!is_known) {
    return fail(ErrorCode::kInvalidArgument,
                name + ": values of type " + quoted(descr) +
                    ": must be one of b1, u1, i4, i8, f4, f8; in NumPy: a.astype('f4') for "
                    "features, a.astype('i4') for labels");
  }
  type.dtype = *dtype;
  type.is_big_endian = descr.front() == '>' && bytes_of(*dtype) > 1;
  return {};
}

// Also an array without values must have a row of bounded size.
Status check_size(const ArrayType& type, const std::string& name) {
  std::uint64_t bytes = bytes_of(type.dtype);
  for (const std::uint64_t extent : type.shape) {
    // Before multiplying, so that nothing overflows.
    if (extent > kMaxArrayBytes / bytes) {
      return fail(ErrorCode::kResourceExhausted, name + ": declares " + to_string(type) +
                                                     ", more than the limit of " +
                                                     std::to_string(kMaxArrayBytes >> 30) + " GiB");
    }
    bytes *= std::max<std::uint64_t>(extent, 1);
  }
  return {};
}

}  // namespace

Result<std::size_t> npy_values_offset(std::span<const std::uint8_t> prefix,
                                      const std::string& name) {
  const auto bad = [&](const std::string& why) { return tl::unexpected(not_npy(name, why)); };
  if (!as_text(prefix).starts_with(kMagic)) {
    return bad("must begin with the bytes \\x93NUMPY, as numpy.save writes them");
  }
  if (prefix.size() < kNpyPrefixBytes) return bad("shorter than its header");
  const std::uint8_t major = prefix[kVersionAt];
  const std::uint8_t minor = prefix[kVersionAt + 1];
  if (major < 1 || major > 3 || minor != 0) {
    return bad("version " + std::to_string(major) + "." + std::to_string(minor) +
               ": must be 1.0, 2.0 or 3.0");
  }
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  std::size_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) length = length << 8 | prefix[kLengthAt + i];
  if (length > kMaxNpyHeaderBytes) {
    return fail(ErrorCode::kResourceExhausted, name + ": a header of " + std::to_string(length) +
                                                   " bytes: the limit is " +
                                                   std::to_string(kMaxNpyHeaderBytes));
  }
  const std::size_t offset = kLengthAt + length_bytes + length;
  if (offset < kNpyPrefixBytes) return bad("its header is too short to be one");
  return offset;
}

Result<ArrayType> parse_npy_header(std::span<const std::uint8_t> header, const std::string& name) {
  const auto offset =
      npy_values_offset(header.first(std::min(header.size(), kNpyPrefixBytes)), name);
  if (!offset) return tl::unexpected<Error>(offset.error());
  if (header.size() < *offset) return tl::unexpected(not_npy(name, "shorter than its header"));
  const std::size_t begin = header[kVersionAt] == 1 ? kLengthAt + 2 : kLengthAt + 4;
  const std::string_view text = as_text(header.first(*offset)).substr(begin);
  if (!text.ends_with('\n')) {
    return tl::unexpected(not_npy(name, "its header must end with a newline"));
  }
  const auto fields = parse_fields(text, name);
  if (!fields) return tl::unexpected<Error>(fields.error());
  ArrayType type{.shape = *fields->shape};
  if (auto descr = read_descr(*fields->descr, type, name); !descr) {
    return tl::unexpected<Error>(descr.error());
  }
  if (*fields->fortran_order) {
    return fail(ErrorCode::kInvalidArgument,
                name +
                    ": holds its values in Fortran order: must be in C order; in NumPy: "
                    "numpy.save(path, numpy.ascontiguousarray(a))");
  }
  if (auto size = check_size(type, name); !size) return tl::unexpected<Error>(size.error());
  return type;
}

Result<Array> read_npy(const std::string& path) {
  auto file = MappedFile::open(path);
  if (!file) return tl::unexpected<Error>(file.error());
  const std::span<const std::uint8_t> bytes = file->bytes();
  const auto offset = npy_values_offset(bytes.first(std::min(bytes.size(), kNpyPrefixBytes)), path);
  if (!offset) return tl::unexpected<Error>(offset.error());
  auto type = parse_npy_header(bytes.first(std::min(bytes.size(), *offset)), path);
  if (!type) return tl::unexpected<Error>(type.error());
  const std::uint64_t held = bytes.size() - *offset;
  if (held < type->byte_count()) {
    return fail(ErrorCode::kCorrupt, path + ": truncated: declares " + to_string(*type) + ", " +
                                         std::to_string(type->byte_count()) +
                                         " bytes, but holds only " + std::to_string(held));
  }
  if (held > type->byte_count()) {
    return fail(ErrorCode::kCorrupt, path + ": " + std::to_string(held - type->byte_count()) +
                                         " trailing bytes after the declared " + to_string(*type) +
                                         ": must hold one array");
  }
  const auto owner = std::make_shared<const MappedFile>(*std::move(file));
  return Array{*std::move(type), owner->bytes().subspan(*offset), owner};
}

}  // namespace skiptrain::data
