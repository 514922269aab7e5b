// The bytes of small CIFAR files for the tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace skiptrain::data {

inline constexpr std::size_t kCifarPixels = 3072;  // of a record: 3x32x32
inline constexpr const char* kCifar10FileNames[] = {"data_batch_1.bin", "data_batch_2.bin",
                                                    "data_batch_3.bin", "data_batch_4.bin",
                                                    "data_batch_5.bin", "test_batch.bin"};

// A record with these label bytes before pixels that are all `pixel`.
inline std::vector<std::uint8_t> cifar_record(const std::vector<std::uint8_t>& labels,
                                              std::uint8_t pixel) {
  std::vector<std::uint8_t> bytes = labels;
  bytes.insert(bytes.end(), kCifarPixels, pixel);
  return bytes;
}

// `count` CIFAR-10 records numbered from `first`: number n has label n mod 10, and pixels n.
inline std::vector<std::uint8_t> cifar10_records(std::size_t first, std::size_t count) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t n = first; n < first + count; ++n) {
    const auto record =
        cifar_record({static_cast<std::uint8_t>(n % 10)}, static_cast<std::uint8_t>(n));
    bytes.insert(bytes.end(), record.begin(), record.end());
  }
  return bytes;
}

// The same of CIFAR-100: coarse label n mod 20, fine label n mod 100.
inline std::vector<std::uint8_t> cifar100_records(std::size_t first, std::size_t count) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t n = first; n < first + count; ++n) {
    const auto record =
        cifar_record({static_cast<std::uint8_t>(n % 20), static_cast<std::uint8_t>(n % 100)},
                     static_cast<std::uint8_t>(n));
    bytes.insert(bytes.end(), record.begin(), record.end());
  }
  return bytes;
}

// The six files of CIFAR-10, of `per_file` records each, numbered through.
inline void write_cifar10(const std::filesystem::path& folder, std::size_t per_file) {
  std::filesystem::create_directories(folder);
  std::size_t first = 0;
  for (const char* name : kCifar10FileNames) {
    const auto bytes = cifar10_records(first, per_file);
    std::ofstream(folder / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    first += per_file;
  }
}

}  // namespace skiptrain::data
