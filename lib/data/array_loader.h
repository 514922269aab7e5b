// Data sets from arrays: one of features, one of labels, in NumPy's files .npy or archives .npz, or
// in a file of torch.save.
//
// Features have shape (n, columns), (n, height, width) or (n, channels, height, width). Unsigned
// bytes become pixels; all other types become float32, and are learned as they are. Labels are
// whole numbers from 0 to 65535 of shape (n,) or (n, 1). With LoadOptions::targets of another kind
// than classes, numbers of any type take their place, of shape (n,) or (n, width). Only the rows of
// a node's share are looked at, of features and targets.
//
// Of files .npy, unsigned bytes and little-endian float32 stay in the mapped file, where a sample's
// values can be read as they lie, and such a set may be larger than the memory; all rows of a share
// of floats are read once, to see that they are finite. Other types are converted, and archives
// unpacked, into memory, and so are labels and targets of any type. Blocking; thread-safe, since
// nothing is shared.
//
// Errors start with a file's path, and name the row, counted from 0. kMismatch: different numbers
// of features and labels. kInvalidArgument: a shape, a type, a label or a target that is not as
// above. kNumeric: NaN, infinity, or a float64 beyond float32. kResourceExhausted: beyond the
// limits of ImageShape, or wider than kMaxTargetWidth. Further errors as the readers and
// `chosen_rows`.
#pragma once

#include <string>

#include "base/error.h"
#include "data/array.h"
#include "data/dataset.h"
#include "data/load_options.h"

namespace skiptrain::data {

// One node's share of two files .npy.
Result<Dataset> load_npy(const std::string& features, const std::string& labels,
                         const LoadOptions& options = {});

// Two arrays of one file.
struct ArrayPair {
  std::string file;
  std::string features;  // the arrays' keys
  std::string labels;
};
// One node's share of two arrays of a file .npz.
Result<Dataset> load_npz(const ArrayPair& arrays, const LoadOptions& options = {});
// The same of two tensors of a file of torch.save (torch_reader.h).
Result<Dataset> load_torch(const ArrayPair& arrays, const LoadOptions& options = {});

// Of all values of one array, and without labels: all are 0. For who only looks at them.
Result<Dataset> unlabelled(const Array& features, const std::string& name,
                           const LoadOptions& options = {});

// The shape of a sample of `columns` features. kResourceExhausted, starting with `name`, if they
// are none or more than an image may have columns.
Result<ImageShape> row_shape(std::uint64_t columns, const std::string& name);

}  // namespace skiptrain::data
