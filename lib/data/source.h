// A data set as its files lie on a disk, whatever their format: the front of the readers.
//
// A format has readers of its own (idx_reader.h, cifar_reader.h, array_loader.h, csv_loader.h,
// leaf_reader.h, image_folder.h); here is which files it consists of, by their usual names, and how
// a folder is recognised.
// Blocking; thread-safe, since nothing is shared.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"
#include "data/idx_reader.h"
#include "data/load_options.h"

namespace skiptrain::data {

enum class Format { kIdx, kCifar10, kCifar100, kNpy, kNpz, kCsv, kTorch, kLeaf, kImages };
inline constexpr std::array kFormats = {Format::kIdx,   Format::kCifar10, Format::kCifar100,
                                        Format::kNpy,   Format::kNpz,     Format::kCsv,
                                        Format::kTorch, Format::kLeaf,    Format::kImages};
// "idx", "cifar-10", "cifar-100", "npy", "npz", "csv", "torch", "leaf", "images".
std::string_view to_string(Format format);
// Whether its files may hold numbers in place of classes.
bool may_hold_values(Format format);

// The keys of two arrays in a file .npz or of torch.save.
struct ArrayKeys {
  std::string features;
  std::string labels;
  bool operator==(const ArrayKeys&) const = default;
};

struct Source {
  Format format = Format::kIdx;
  // kIdx and kNpy only: a file of images, or of any other features, and one of labels.
  IdxFiles train;
  IdxFiles test;
  // The CIFAR formats: the folder with the files of the binary version under their own names, each
  // plain or, with .gz after its name, packed. kLeaf: the folder with train/*.json and test/*.json.
  // kImages: that with train/CLASS/* and test/CLASS/*. Of both, where samples are held out, the
  // folder may also be what would be train/ in it. All others: empty.
  std::string directory;
  // kNpz, kTorch and kCsv only: a file with features and labels each. But for kCsv, both may be the
  // same file.
  std::string train_file;
  std::string test_file;
  ArrayKeys train_arrays = {"x_train", "y_train"};  // kNpz and kTorch only
  ArrayKeys test_arrays = {"x_test", "y_test"};
  std::string label_column = "label";       // kCsv only
  std::vector<std::string> target_columns;  // likewise, of numbers; empty: label_column
  // Above 0: the test part is this part of the training files' samples, which are then not dealt,
  // and no test file is looked at.
  double held_out = 0.0;
};

enum class Part { kTrain, kTest };

// One node's share of a part; what `options` say of held-out samples is replaced by what the source
// does. kNotFound names a file that is missing; kInvalidArgument, options that ask for numbers of a
// format that holds classes alone (may_hold_values); further errors as the format's reader.
Result<Dataset> load(const Source& source, Part part, const LoadOptions& options = {});

struct Parts {
  Dataset train;
  Dataset test;
};
// One node's share of the training part, and the whole test part, with targets of one kind. Files
// that both need are read for their labels once. Samples are held out by the seed of `share.seat`.
// Errors as `load`.
Result<Parts> load_parts(const Source& source, const LoadOptions& share);

enum class TestFiles { kNeeded, kIgnored };
// What lies in a folder, told by the files' usual names. Errors start with the folder: kNotFound
// names the file that is missing of a set, or all that was looked for if there is none of them;
// kInvalidArgument if there are several sets.
Result<Source> find_source(const std::string& directory, TestFiles test = TestFiles::kNeeded);

// Of all pixels of a training set as fractions of 255: what pixels are normalized with.
struct PixelStatistics {
  double mean = 0.0;
  double std = 1.0;
};
// kCifar10, kCifar100: from their published statistics by channel c (CIFAR-10: means 0.4914,
// 0.4822, 0.4465, standard deviations 0.2470, 0.2435, 0.2616; CIFAR-100: 0.5071, 0.4865, 0.4409 and
// 0.2673, 0.2564, 0.2762), the mean of the m_c and the root of the mean of s_c² + (m_c - mean)².
// All others: of Fashion-MNIST, as the config has it where it says nothing.
PixelStatistics usual_statistics(Format format);

}  // namespace skiptrain::data
