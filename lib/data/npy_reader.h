// Reads arrays in NumPy's format .npy, as numpy.save writes them.
//
// Format (numpy.lib.format, versions 1.0 to 3.0): 6 bytes of magic, two of version, the header's
// length (2 bytes little-endian, 4 from version 2.0 on), then the header, a Python literal such as
//   {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 784), }
// padded with spaces up to a newline, then the values. Taken are booleans, unsigned bytes, integers
// of 4 and 8 bytes and floats of 4 and 8, in either order of bytes and in C order.
//
// The file is mapped, not read: an array of any size costs no memory until its values are looked
// at. The header is believed only as far as the file's size bears it out. Blocking; thread-safe,
// since nothing is shared.
//
// Errors start with the file's path. kNotFound: cannot be opened. kCorrupt: not .npy, truncated,
// trailing bytes. kInvalidArgument: a type or an order that is not supported; the message has the
// NumPy call that helps. kResourceExhausted: beyond a limit below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"
#include "data/array.h"

namespace skiptrain::data {

inline constexpr std::size_t kMaxNpyHeaderBytes = 64 * 1024;
inline constexpr std::size_t kMaxArrayRank = 8;
inline constexpr std::uint64_t kMaxArrayBytes = std::uint64_t{1} << 40;

Result<Array> read_npy(const std::string& path);

// For who has the bytes from elsewhere (npz_reader.h). Every file has more than this many bytes,
// and they say where the values begin.
inline constexpr std::size_t kNpyPrefixBytes = 12;
// At most kNpyPrefixBytes + kMaxNpyHeaderBytes. `name` stands for the path in messages.
Result<std::size_t> npy_values_offset(std::span<const std::uint8_t> prefix,
                                      const std::string& name);
// `header` is all before the values. The type's byte_count() is at most kMaxArrayBytes.
Result<ArrayType> parse_npy_header(std::span<const std::uint8_t> header, const std::string& name);

}  // namespace skiptrain::data
