#include "data/idx_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "data/gzip_stream.h"
#include "data/mapped_file.h"

namespace skiptrain::data {
namespace {

constexpr std::uint8_t kUnsignedByte = 0x08;
constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kExtentBytes = 4;
constexpr std::size_t kMaxRank = 4;
// Rows that nobody wants are read in runs of about this many bytes.
constexpr std::size_t kRunBytes = 256 * 1024;

struct IdxFile {
  GzipStream stream;
  std::vector<std::uint32_t> extents;
  std::uint64_t value_count = 0;

  std::uint64_t header_bytes() const { return kMagicBytes + kExtentBytes * extents.size(); }
};

std::string shape_text(const std::vector<std::uint32_t>& extents) {
  std::string text;
  for (const std::uint32_t extent : extents) {
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  }
  return text;
}

Error not_idx(const std::string& path, const std::string& why) {
  return {ErrorCode::kCorrupt, path + ": not an IDX file: " + why};
}

// Checks the declared extents against the limits and against what the file can hold.
Status check_size(IdxFile& file) {
  const std::string& path = file.stream.path();
  const std::uint64_t limit = file.stream.is_gzip() ? kMaxIdxBytes : kMaxPlainIdxBytes;
  std::uint64_t count = 1;
  for (const std::uint32_t extent : file.extents) {
    // Before multiplying, so that nothing overflows.
    if (extent > limit / std::max<std::uint64_t>(count, 1)) {
      return fail(ErrorCode::kResourceExhausted, path + ": declares " + shape_text(file.extents) +
                                                     " values, more than the limit of " +
                                                     std::to_string(limit >> 30) + " GiB");
    }
    count *= extent;
  }
  const std::uint64_t header_bytes = file.header_bytes();
  const std::uint64_t bound = file.stream.size_bound();
  if (header_bytes + count > bound) {
    return fail(ErrorCode::kCorrupt, path + ": truncated: declares " + shape_text(file.extents) +
                                         " values, but the file can hold at most " +
                                         std::to_string(bound - std::min(bound, header_bytes)));
  }
  if (!file.stream.is_gzip() && header_bytes + count < bound) {
    return fail(ErrorCode::kCorrupt, path + ": " + std::to_string(bound - header_bytes - count) +
                                         " trailing bytes after the declared " +
                                         shape_text(file.extents) + " values");
  }
  file.value_count = count;
  return {};
}

Result<IdxFile> open_idx(const std::string& path) {
  auto stream = GzipStream::open(path);
  if (!stream) return tl::unexpected<Error>(stream.error());
  IdxFile file{std::move(*stream), {}, 0};
  std::array<std::uint8_t, kMagicBytes> magic{};
  auto got = file.stream.read(magic);
  if (!got) return tl::unexpected<Error>(got.error());
  if (*got < magic.size()) return tl::unexpected(not_idx(path, "shorter than its header"));
  if (magic[0] != 0 || magic[1] != 0) {
    return tl::unexpected(not_idx(path, "the first two bytes must be zero"));
  }
  if (magic[2] != kUnsignedByte) {
    return tl::unexpected(not_idx(path, "value type " + std::to_string(magic[2]) +
                                            " is not 8, unsigned byte, the only one supported"));
  }
  if (magic[3] < 1 || magic[3] > kMaxRank) {
    return tl::unexpected(
        not_idx(path, "rank " + std::to_string(magic[3]) + " is not from 1 to 4"));
  }
  std::array<std::uint8_t, kMaxRank * kExtentBytes> extents{};
  const std::size_t extent_bytes = magic[3] * kExtentBytes;
  got = file.stream.read(std::span(extents).first(extent_bytes));
  if (!got) return tl::unexpected<Error>(got.error());
  if (*got < extent_bytes) return tl::unexpected(not_idx(path, "shorter than its header"));
  for (std::size_t i = 0; i < extent_bytes; i += kExtentBytes) {
    file.extents.push_back(std::uint32_t{extents[i]} << 24 | std::uint32_t{extents[i + 1]} << 16 |
                           std::uint32_t{extents[i + 2]} << 8 | std::uint32_t{extents[i + 3]});
  }
  if (auto size = check_size(file); !size) return tl::unexpected<Error>(size.error());
  return file;
}

// Reads exactly `out.size()` bytes; fewer in the file is an error.
Status read_values(IdxFile& file, std::span<std::uint8_t> out) {
  const auto got = file.stream.read(out);
  if (!got) return tl::unexpected<Error>(got.error());
  if (*got < out.size()) {
    return fail(ErrorCode::kCorrupt, file.stream.path() + ": truncated: ends before the declared " +
                                         shape_text(file.extents) + " values");
  }
  return {};
}

// The end of a gzip stream is known only by reaching it, which also checks the stream's CRC.
Status expect_end(IdxFile& file) {
  std::array<std::uint8_t, 1> extra{};
  const auto got = file.stream.read(extra);
  if (!got) return tl::unexpected<Error>(got.error());
  if (*got == 0) return {};
  return fail(ErrorCode::kCorrupt, file.stream.path() + ": trailing bytes after the declared " +
                                       shape_text(file.extents) + " values");
}

struct ImageFile {
  IdxFile idx;
  ImageShape shape;
};

Result<ImageShape> image_shape(const IdxFile& file) {
  const std::string& path = file.stream.path();
  const std::vector<std::uint32_t>& extents = file.extents;
  if (extents.size() < 3) {
    return fail(ErrorCode::kCorrupt, path + ": holds values of rank " +
                                         std::to_string(extents.size()) +
                                         ", but images have rank 3 or 4 (is this a label file?)");
  }
  const bool has_channels = extents.size() == 4;
  const ImageShape shape{.channels = has_channels ? extents[1] : 1,
                         .height = extents[extents.size() - 2],
                         .width = extents[extents.size() - 1]};
  if (shape.channels < 1 || shape.channels > kMaxImageChannels || shape.height < 1 ||
      shape.height > kMaxImageSide || shape.width < 1 || shape.width > kMaxImageSide) {
    return fail(ErrorCode::kResourceExhausted,
                path + ": images of " + to_string(shape) + ": the limits are 1 to " +
                    std::to_string(kMaxImageChannels) + " channels and sides of 1 to " +
                    std::to_string(kMaxImageSide));
  }
  return shape;
}

Result<ImageFile> open_images(const std::string& path) {
  auto idx = open_idx(path);
  if (!idx) return tl::unexpected<Error>(idx.error());
  const auto shape = image_shape(*idx);
  if (!shape) return tl::unexpected<Error>(shape.error());
  return ImageFile{std::move(*idx), *shape};
}

// Streams over all rows and appends the chosen ones to `pixels`.
Status keep_rows(IdxFile& file, const std::vector<std::uint32_t>& rows, std::size_t row_bytes,
                 std::vector<std::uint8_t>& pixels) {
  pixels.resize(rows.size() * row_bytes);
  std::vector<std::uint8_t> skipped(std::max(row_bytes, kRunBytes / row_bytes * row_bytes));
  const std::uint64_t row_count = file.extents[0];
  std::uint64_t row = 0;
  std::size_t kept = 0;
  while (row < row_count) {
    if (kept < rows.size() && rows[kept] == row) {
      const std::span<std::uint8_t> out(pixels.data() + kept * row_bytes, row_bytes);
      if (auto read = read_values(file, out); !read) return read;
      ++kept;
      ++row;
      continue;
    }
    const std::uint64_t next = kept < rows.size() ? rows[kept] : row_count;
    const std::uint64_t run = std::min<std::uint64_t>(next - row, skipped.size() / row_bytes);
    if (auto read = read_values(file, std::span(skipped).first(run * row_bytes)); !read)
      return read;
    row += run;
  }
  return expect_end(file);
}

// The chosen rows where they lie in a plain file.
Result<MappedSamples> map_rows(const IdxFile& idx, const std::vector<std::uint32_t>& rows,
                               std::size_t row_bytes) {
  auto file = MappedFile::open(idx.stream.path());
  if (!file) return tl::unexpected<Error>(file.error());
  if (file->bytes().size() != idx.header_bytes() + idx.value_count) {
    return fail(ErrorCode::kCorrupt, idx.stream.path() +
                                         ": has another size than a moment ago: must not change "
                                         "while it is read");
  }
  const auto owner = std::make_shared<const MappedFile>(*std::move(file));
  const std::uint8_t* const values = owner->bytes().data() + idx.header_bytes();
  MappedSamples samples{{}, false, {owner}};
  samples.rows.reserve(rows.size());
  for (const std::uint32_t row : rows) samples.rows.push_back(values + row * row_bytes);
  return samples;
}

}  // namespace

Result<std::vector<std::uint8_t>> read_idx_labels(const std::string& path) {
  auto file = open_idx(path);
  if (!file) return tl::unexpected<Error>(file.error());
  if (file->extents.size() != 1) {
    return fail(ErrorCode::kCorrupt, path + ": holds values of rank " +
                                         std::to_string(file->extents.size()) +
                                         ", but labels have rank 1 (is this an image file?)");
  }
  std::vector<std::uint8_t> labels(file->value_count);
  if (auto read = read_values(*file, labels); !read) return tl::unexpected<Error>(read.error());
  if (auto end = expect_end(*file); !end) return tl::unexpected<Error>(end.error());
  return labels;
}

Result<Images> read_idx_images(const std::string& path,
                               const std::optional<std::vector<std::uint32_t>>& rows) {
  auto file = open_images(path);
  if (!file) return tl::unexpected<Error>(file.error());
  Images images{file->shape, file->idx.extents[0], {}};
  if (rows && !rows->empty() && rows->back() >= images.count_in_file) {
    return fail(ErrorCode::kMismatch, path + ": image " + std::to_string(rows->back()) +
                                          " was asked for, but there are only " +
                                          std::to_string(images.count_in_file));
  }
  Status read;
  if (rows) {
    read = keep_rows(file->idx, *rows, file->shape.value_count(), images.pixels);
  } else {
    images.pixels.resize(file->idx.value_count);
    read = read_values(file->idx, images.pixels);
    if (read) read = expect_end(file->idx);
  }
  if (!read) return tl::unexpected<Error>(read.error());
  return images;
}

Result<Dataset> load_idx(const IdxFiles& files, const LoadOptions& options) {
  const auto bytes = read_idx_labels(files.labels);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  if (bytes->empty()) return fail(ErrorCode::kInvalidArgument, files.labels + ": holds no labels");
  const std::vector<Label> labels(bytes->begin(), bytes->end());
  const std::uint32_t classes = *std::max_element(labels.begin(), labels.end()) + 1u;
  const auto share = chosen_rows(labels, options);
  if (!share) return tl::unexpected<Error>(share.error());
  auto images = open_images(files.images);
  if (!images) return tl::unexpected<Error>(images.error());
  if (images->idx.extents[0] != labels.size()) {
    return fail(ErrorCode::kMismatch, files.images + ": holds " +
                                          std::to_string(images->idx.extents[0]) + " images, but " +
                                          files.labels + " holds " + std::to_string(labels.size()) +
                                          " labels: the two files must belong together");
  }
  Dataset dataset{images->shape, classes, {}, {}};
  const std::size_t row_bytes = images->shape.value_count();
  if (images->idx.stream.is_gzip()) {
    auto kept = keep_rows(images->idx, *share, row_bytes, dataset.pixels);
    if (!kept) return tl::unexpected<Error>(kept.error());
  } else {
    auto mapped = map_rows(images->idx, *share, row_bytes);
    if (!mapped) return tl::unexpected<Error>(mapped.error());
    dataset.mapped = *std::move(mapped);
  }
  dataset.labels.reserve(share->size());
  for (const std::uint32_t index : *share) dataset.labels.push_back(labels[index]);
  return dataset;
}

}  // namespace skiptrain::data
