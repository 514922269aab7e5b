// Reads data sets in the IDX format of MNIST, plain or gzip (told apart by content, not by name).
//
// Format (http://yann.lecun.com/exdb/mnist, "file formats"): two zero bytes, a type byte (0x08,
// unsigned byte, is the only one taken), the rank, then one big-endian 32-bit extent per dimension,
// then the values. Labels have rank 1; images rank 3 [n, height, width] or 4 [n, channels, height,
// width].
//
// The images of a plain file are mapped: a set of any size costs no memory but what a minibatch
// looks at. Those of a packed one stream through a small buffer and only the chosen rows are kept:
// a daemon holds its share and never the whole training set. The header is believed only as far as
// the file's size bears it out, before anything is allocated. Blocking; thread-safe, since nothing
// is shared.
//
// Errors start with the file's path. kNotFound: cannot be opened. kCorrupt: not IDX, truncated,
// trailing bytes, damaged gzip. kResourceExhausted: beyond a limit below.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"
#include "data/load_options.h"

namespace skiptrain::data {

// Of a packed file's values, unpacked; and of a plain file's.
inline constexpr std::uint64_t kMaxIdxBytes = std::uint64_t{4} << 30;
inline constexpr std::uint64_t kMaxPlainIdxBytes = std::uint64_t{1} << 40;

struct IdxFiles {
  std::string images;
  std::string labels;
};

// Every label of the file.
Result<std::vector<std::uint8_t>> read_idx_labels(const std::string& path);

struct Images {
  ImageShape shape;
  std::uint32_t count_in_file = 0;
  std::vector<std::uint8_t> pixels;  // of the rows kept, in ascending order
};

// The rows named by `rows` (ascending, without repeats), or all if nullopt. kMismatch if a row is
// not in the file.
Result<Images> read_idx_images(const std::string& path,
                               const std::optional<std::vector<std::uint32_t>>& rows);

// One node's share; mapped, if the images are in a plain file. kMismatch if the two files hold
// different numbers of samples.
Result<Dataset> load_idx(const IdxFiles& files, const LoadOptions& options = {});

}  // namespace skiptrain::data
