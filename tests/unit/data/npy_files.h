// The bytes of small .npy files for the tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "tests/unit/data/data_files.h"

namespace skiptrain::data {

// As numpy.save writes it: the header padded so that the values begin at a multiple of 64.
inline ByteString npy_file(const std::string& header, const ByteString& values, int version = 1) {
  const std::size_t prefix = version == 1 ? 10 : 12;
  std::string text = header;
  while ((prefix + text.size() + 1) % 64 != 0) text += ' ';
  text += '\n';
  ByteString bytes{0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<std::uint8_t>(version), 0};
  for (std::size_t i = 8; i < prefix; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(text.size() >> (8 * (i - 8))));
  }
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

// `shape` as Python writes it: "(2, 3)".
inline std::string npy_header(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
}

template <typename Value>
ByteString little_endian(const std::vector<Value>& values) {
  ByteString bytes(values.size() * sizeof(Value));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

inline ByteString npy_floats(const std::string& shape, const std::vector<float>& values) {
  return npy_file(npy_header("<f4", shape), little_endian(values));
}
inline ByteString npy_bytes(const std::string& shape, const ByteString& values) {
  return npy_file(npy_header("|u1", shape), values);
}
inline ByteString npy_integers(const std::string& shape, const std::vector<std::int64_t>& values) {
  return npy_file(npy_header("<i8", shape), little_endian(values));
}

}  // namespace skiptrain::data
