#include "data/array.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace skiptrain::data {
namespace {

// Any size of value, in either order of bytes, whatever its alignment.
template <typename Value>
Value value_at(const std::uint8_t* bytes, bool is_big_endian) {
  std::uint8_t raw[sizeof(Value)];
  std::memcpy(raw, bytes, sizeof raw);
  if (is_big_endian != (std::endian::native == std::endian::big)) {
    std::reverse(raw, raw + sizeof raw);
  }
  Value value;
  std::memcpy(&value, raw, sizeof value);
  return value;
}

template <typename To>
To converted(double value) {
  // The cast alone would be undefined beyond the range of `To`.
  if (value > static_cast<double>(std::numeric_limits<To>::max())) {
    return std::numeric_limits<To>::infinity();
  }
  if (value < -static_cast<double>(std::numeric_limits<To>::max())) {
    return -std::numeric_limits<To>::infinity();
  }
  return static_cast<To>(value);
}

template <typename From, typename To>
void copy_values(const ArrayType& type, std::span<const std::uint8_t> bytes, std::span<To> out) {
  SKIPTRAIN_CHECK(bytes.size() >= out.size() * sizeof(From), "there are bytes for every value");
  const std::uint8_t* in = bytes.data();
  for (To& value : out) {
    const From read = value_at<From>(in, type.is_big_endian);
    if constexpr (sizeof(From) > sizeof(To) && std::numeric_limits<From>::has_infinity) {
      value = converted<To>(read);
    } else {
      value = static_cast<To>(read);
    }
    in += sizeof(From);
  }
}

template <typename To>
void copy_bools(std::span<const std::uint8_t> bytes, std::span<To> out) {
  SKIPTRAIN_CHECK(bytes.size() >= out.size(), "there is a byte for every value");
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = bytes[i] != 0 ? To{1} : To{0};
}

}  // namespace

std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return "b1";
    case DType::kUint8:
      return "u1";
    case DType::kInt32:
      return "i4";
    case DType::kInt64:
      return "i8";
    case DType::kFloat32:
      return "f4";
    case DType::kFloat64:
      return "f8";
  }
  return "unknown";
}

std::size_t bytes_of(DType dtype) {
  return static_cast<std::size_t>(to_string(dtype).back() - '0');
}

bool is_float(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64;
}

std::uint64_t ArrayType::row_values() const {
  std::uint64_t count = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) count *= shape[i];
  return count;
}

std::string to_string(const ArrayType& type) {
  std::string text = std::string(to_string(type.dtype)) + " of shape (";
  for (std::size_t i = 0; i < type.shape.size(); ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(type.shape[i]);
  }
  return text + (type.shape.size() == 1 ? ",)" : ")");
}

void copy_floats(const ArrayType& type, std::span<const std::uint8_t> bytes, std::span<float> out) {
  switch (type.dtype) {
    case DType::kBool:
      return copy_bools(bytes, out);
    case DType::kUint8:
      return copy_values<std::uint8_t>(type, bytes, out);
    case DType::kInt32:
      return copy_values<std::int32_t>(type, bytes, out);
    case DType::kInt64:
      return copy_values<std::int64_t>(type, bytes, out);
    case DType::kFloat32:
      return copy_values<float>(type, bytes, out);
    case DType::kFloat64:
      return copy_values<double>(type, bytes, out);
  }
}

void copy_integers(const ArrayType& type, std::span<const std::uint8_t> bytes,
                   std::span<std::int64_t> out) {
  SKIPTRAIN_CHECK(!is_float(type.dtype), "only integers are copied as integers");
  switch (type.dtype) {
    case DType::kBool:
      return copy_bools(bytes, out);
    case DType::kInt32:
      return copy_values<std::int32_t>(type, bytes, out);
    case DType::kInt64:
      return copy_values<std::int64_t>(type, bytes, out);
    default:
      return copy_values<std::uint8_t>(type, bytes, out);
  }
}

}  // namespace skiptrain::data
