// Reads CIFAR-10 and CIFAR-100 in their binary version, plain or gzip (told apart by content).
//
// Format (Krizhevsky 2009; https://www.cs.toronto.edu/~kriz/cifar.html, "binary version"): records
// of one size, one after the other, with no header. A record is one label byte (CIFAR-10) or a
// coarse and a fine one (CIFAR-100), then 3072 pixels: 32x32 of red, of green, of blue, row-major.
// The fine label is the class; the coarse one is checked and left out.
//
// Labels stand between the pixels, and to know a node's share all labels must be known: the files
// are read once for them. Then, if all files are plain, they are mapped, and a sample is the place
// behind its label; if one is packed, all are read again, through a small buffer, and only the rows
// of the share are kept. Files of any number of records are taken, not only of 10 000. Blocking;
// thread-safe, since nothing is shared.
//
// Errors start with a file's path and name the record, counted from 0, and its place in the
// unpacked file. kNotFound: cannot be opened. kCorrupt: not whole records, a label beyond the
// classes, damaged gzip, fewer records in the second reading. kResourceExhausted: beyond the limit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"
#include "data/load_options.h"

namespace skiptrain::data {

enum class CifarKind { kCifar10, kCifar100 };

inline constexpr ImageShape kCifarShape{.channels = 3, .height = 32, .width = 32};
// Of all files together; the real sets have 60 000.
inline constexpr std::uint32_t kMaxCifarRecords = 1u << 24;

// One node's share of the records of `files`, in their order. The result has 10 or 100 classes,
// whichever of them occur. kInvalidArgument if a file is empty; further errors as `chosen_rows`.
Result<Dataset> load_cifar(CifarKind kind, const std::vector<std::string>& files,
                           const LoadOptions& options = {});

}  // namespace skiptrain::data
