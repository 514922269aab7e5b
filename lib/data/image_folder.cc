#include "data/image_folder.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <system_error>
#include <utility>

#include "data/image_file.h"
#include "data/quoted.h"

namespace skiptrain::data {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) {
  return path.filename().native().starts_with('.');
}

bool is_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

// What is in a folder but for hidden things, in ascending order of the names.
Result<std::vector<fs::path>> entries_of(const std::string& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (is_hidden(at->path())) continue;
    entries.push_back(at->path());
    if (entries.size() > kMaxImageFiles) {
      return fail(
          ErrorCode::kResourceExhausted,
          folder + ": more than " + std::to_string(kMaxImageFiles) + " files, which is the limit");
    }
  }
  if (error) {
    return fail(ErrorCode::kNotFound,
                folder + ": is no folder that can be read: " + error.message());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::string size_text(const ImageShape& shape) {
  return std::to_string(shape.width) + "x" + std::to_string(shape.height) +
         (shape.channels == 1 ? " in grey" : " in RGB");
}

}  // namespace

Result<ImageFolders> ImageFolders::open(const std::vector<std::string>& folders) {
  ImageFolders opened;
  for (const std::string& folder : folders) {
    if (auto listed = opened.list(folder, &folder == &folders.front()); !listed) {
      return tl::unexpected<Error>(listed.error());
    }
  }
  const auto first = read_image(opened.folders_.front().paths.front());
  if (!first) return tl::unexpected<Error>(first.error());
  opened.shape_ = first->shape;
  return opened;
}

Status ImageFolders::list(const std::string& folder, bool is_first) {
  const auto entries = entries_of(folder);
  if (!entries) return tl::unexpected<Error>(entries.error());
  Files files;
  for (const fs::path& entry : *entries) {
    std::error_code ignored;
    if (!fs::is_directory(entry, ignored)) continue;  // lists and licences beside the classes
    const std::string name = entry.filename().string();
    if (is_first) classes_.push_back(name);
    const auto known = std::ranges::lower_bound(classes_, name);
    if (known == classes_.end() || *known != name) {
      return fail(ErrorCode::kInvalidArgument, entry.string() +
                                                   ": a class that the training images do not "
                                                   "have, which are of " +
                                                   quoted_list(classes_));
    }
    if (classes_.size() > kMaxLabels) {
      return fail(
          ErrorCode::kResourceExhausted,
          folder + ": more than " + std::to_string(kMaxLabels) + " classes, which is the limit");
    }
    const auto images = entries_of(entry.string());
    if (!images) return tl::unexpected<Error>(images.error());
    if (images->empty()) {
      return fail(ErrorCode::kNotFound, entry.string() + ": there is no image of this class");
    }
    for (const fs::path& image : *images) {
      if (!is_image_name(image)) {
        return fail(ErrorCode::kInvalidArgument,
                    image.string() +
                        ": must be a file .png, .jpg or .jpeg, as all in the folder of a class");
      }
      files.paths.push_back(image.string());
      files.labels.push_back(static_cast<Label>(known - classes_.begin()));
    }
  }
  if (files.paths.empty()) {
    return fail(ErrorCode::kNotFound,
                folder +
                    ": there is no folder in it; there must be one for each class, with its "
                    "images");
  }
  folders_.push_back(std::move(files));
  return {};
}

Result<Dataset> ImageFolders::load(std::size_t folder, const LoadOptions& options) const {
  const Files& files = folders_[folder];
  const auto share = chosen_rows(files.labels, options);
  if (!share) return tl::unexpected<Error>(share.error());
  const std::size_t values = shape_.value_count();
  if (share->size() > kMaxDecodedBytes / values) {
    return fail(ErrorCode::kResourceExhausted,
                files.paths.front() + ": " + std::to_string(share->size()) +
                    " images like it are " + "more than the limit of " +
                    std::to_string(kMaxDecodedBytes >> 30) +
                    " GiB of pixels; files .npy are mapped and have no such limit");
  }
  Dataset dataset{shape_, static_cast<std::uint32_t>(classes_.size()), {}, {}};
  dataset.pixels.reserve(share->size() * values);
  dataset.labels.reserve(share->size());
  for (const std::uint32_t row : *share) {
    auto image = read_image(files.paths[row]);
    if (!image) return tl::unexpected<Error>(image.error());
    ImageShape as_first = image->shape;
    if (shape_.channels == 3) as_first.channels = 3;
    if (as_first != shape_) {
      return fail(ErrorCode::kMismatch,
                  files.paths[row] + ": " + size_text(image->shape) + ", but " +
                      folders_.front().paths.front() + " is " + size_text(shape_) +
                      ": all must be alike; with ImageMagick: mogrify -resize " +
                      std::to_string(shape_.width) + "x" + std::to_string(shape_.height) + "!" +
                      (shape_.channels == 1 ? " -colorspace Gray" : ""));
    }
    for (std::uint32_t i = image->shape.channels; i <= shape_.channels;
         i += image->shape.channels) {
      dataset.pixels.insert(dataset.pixels.end(), image->pixels.begin(), image->pixels.end());
    }
    dataset.labels.push_back(files.labels[row]);
  }
  return dataset;
}

}  // namespace skiptrain::data
