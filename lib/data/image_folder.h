// Data sets from folders of PNG and JPEG files, a folder for each class: FOLDER/CLASS/NAME.png.
//
// The classes are the names of the first folder's folders, numbered from 0 in ascending order of
// their bytes; other folders of the set (the test images) may have some of them, and no others. In
// a class, samples stand in ascending order of their files' names. All files but hidden ones must
// be .png, .jpg or .jpeg, and all images of the size of the first one of the first folder; grey
// ones are widened to RGB if that one is RGB. Only the images of a share are decoded
// (image_file.h), and held as bytes. Blocking; thread-safe, since nothing is shared.
//
// Errors start with the path of a file or folder. kNotFound: no such folder, no folder of a class,
// a class without a file. kInvalidArgument: other files, a class that the first folder lacks.
// kMismatch: images of unequal size; the message has both files and sizes. kResourceExhausted:
// beyond a limit below. Further errors as `read_image` and `chosen_rows`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"
#include "data/load_options.h"

namespace skiptrain::data {

inline constexpr std::size_t kMaxImageFiles = 1u << 24;  // of a folder
// Of a share, decoded.
inline constexpr std::uint64_t kMaxDecodedBytes = std::uint64_t{16} << 30;

class ImageFolders {
 public:
  // Lists the folders, and reads one image.
  static Result<ImageFolders> open(const std::vector<std::string>& folders);

  const std::vector<std::string>& classes() const { return classes_; }
  // One node's share of the images in folder number `folder`.
  Result<Dataset> load(std::size_t folder, const LoadOptions& options = {}) const;

 private:
  struct Files {
    std::vector<std::string> paths;
    std::vector<Label> labels;
  };

  Status list(const std::string& folder, bool is_first);

  std::vector<std::string> classes_;  // ascending
  std::vector<Files> folders_;
  ImageShape shape_;
};

}  // namespace skiptrain::data
