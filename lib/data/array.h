// An array of numbers as NumPy's files hold it: element type, extents, and the bytes as they lie.
//
// A value of a few words, whose copies share the bytes. They are those of a mapped file, or memory
// of their own; nothing is converted until somebody asks for numbers. Thread-safe, as it does not
// change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skiptrain::data {

enum class DType : std::uint8_t { kBool, kUint8, kInt32, kInt64, kFloat32, kFloat64 };

// As NumPy spells them without the order of bytes: "b1", "u1", "i4", "i8", "f4", "f8".
std::string_view to_string(DType dtype);
std::size_t bytes_of(DType dtype);
bool is_float(DType dtype);

struct ArrayType {
  DType dtype = DType::kUint8;
  bool is_big_endian = false;        // of the bytes; means nothing where a value is one byte
  std::vector<std::uint64_t> shape;  // extents, the slowest first; none: one number

  // A row is what the first extent counts.
  std::uint64_t row_count() const { return shape.empty() ? 1 : shape.front(); }
  std::uint64_t row_values() const;
  std::uint64_t row_bytes() const { return row_values() * bytes_of(dtype); }
  std::uint64_t byte_count() const { return row_count() * row_bytes(); }
  bool operator==(const ArrayType&) const = default;
};

// "i4 of shape (60000, 28, 28)", for messages.
std::string to_string(const ArrayType& type);

struct Array {
  ArrayType type;
  std::span<const std::uint8_t> bytes;  // type.byte_count() of them, rows one after the other
  std::shared_ptr<const void> owner;    // of `bytes`

  std::span<const std::uint8_t> row(std::uint64_t index) const {
    return bytes.subspan(index * type.row_bytes(), type.row_bytes());
  }
};

// The numbers in `bytes`, whole values of this type, as float32 and as int64; as many as `out` has
// room for. A float64 beyond float32 becomes infinite. The second is for types that are not float.
void copy_floats(const ArrayType& type, std::span<const std::uint8_t> bytes, std::span<float> out);
void copy_integers(const ArrayType& type, std::span<const std::uint8_t> bytes,
                   std::span<std::int64_t> out);

}  // namespace skiptrain::data
