#include "data/cifar_reader.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "data/gzip_stream.h"
#include "data/mapped_file.h"

namespace skiptrain::data {
namespace {

// Records are read in blocks of this many.
constexpr std::size_t kBlockRecords = 64;

struct LabelByte {
  std::string_view name;
  std::uint32_t classes;
};
constexpr LabelByte kCifar10Labels[] = {{"label", 10}};
constexpr LabelByte kCifar100Labels[] = {{"coarse label", 20}, {"fine label", 100}};

struct RecordFormat {
  std::string_view name;
  std::span<const LabelByte> labels;  // a byte each, before the pixels; the last one is the class

  std::size_t label_bytes() const { return labels.size(); }
  std::size_t bytes() const { return label_bytes() + kCifarShape.value_count(); }
  std::uint32_t classes() const { return labels.back().classes; }
};

RecordFormat format_of(CifarKind kind) {
  if (kind == CifarKind::kCifar10) return {"CIFAR-10", kCifar10Labels};
  return {"CIFAR-100", kCifar100Labels};
}

std::string record_text(const RecordFormat& format, std::uint64_t record) {
  return "record " + std::to_string(record) + " (at byte " +
         std::to_string(record * format.bytes()) + ")";
}

// Of a file that holds `bytes`, unpacked.
Error not_whole_records(const RecordFormat& format, const std::string& path, std::uint64_t bytes) {
  return {ErrorCode::kCorrupt,
          path + ": ends " + std::to_string(bytes % format.bytes()) + " bytes into " +
              record_text(format, bytes / format.bytes()) + ": must hold whole records of " +
              std::to_string(format.bytes()) + " bytes, as the binary version of " +
              std::string(format.name) + " does"};
}

Error too_many_records(const std::string& path) {
  return {ErrorCode::kResourceExhausted, path + ": more records than the limit of " +
                                             std::to_string(kMaxCifarRecords) +
                                             " in all files of a set"};
}

Status check_labels(const RecordFormat& format, const std::string& path, std::uint64_t record,
                    const std::uint8_t* bytes) {
  for (std::size_t i = 0; i < format.labels.size(); ++i) {
    const LabelByte& label = format.labels[i];
    if (bytes[i] < label.classes) continue;
    return fail(ErrorCode::kCorrupt, path + ": " + record_text(format, record) + ": " +
                                         std::string(label.name) + " " + std::to_string(bytes[i]) +
                                         ": must be from 0 to " +
                                         std::to_string(label.classes - 1) +
                                         " in the binary version of " + std::string(format.name));
  }
  return {};
}

// Calls `take` with the bytes of each record of the file, in order; their labels are in range.
// `take` returns a Status, which ends the reading if it is an error.
template <typename Take>
Status for_each_record(const RecordFormat& format, const std::string& path, Take take) {
  auto stream = GzipStream::open(path);
  if (!stream) return tl::unexpected<Error>(stream.error());
  // A plain file's size tells before anything is read.
  if (const std::uint64_t size = stream->size_bound(); !stream->is_gzip()) {
    if (size / format.bytes() > kMaxCifarRecords) {
      return tl::unexpected<Error>(too_many_records(path));
    }
    if (size % format.bytes() != 0) {
      return tl::unexpected<Error>(not_whole_records(format, path, size));
    }
    if (size / format.bytes() > kMaxCifarRecords) {
      return tl::unexpected<Error>(too_many_records(path));
    }
  }
  std::vector<std::uint8_t> block(kBlockRecords * format.bytes());
  std::uint64_t record = 0;
  while (true) {
    const auto got = stream->read(block);
    if (!got) return tl::unexpected<Error>(got.error());
    for (std::size_t at = 0; at + format.bytes() <= *got; at += format.bytes(), ++record) {
      if (auto good = check_labels(format, path, record, block.data() + at); !good) return good;
      if (auto taken = take(block.data() + at); !taken) return taken;
    }
    if (const std::size_t rest = *got % format.bytes(); rest != 0) {
      const std::uint64_t bytes = record * format.bytes() + rest;
      return tl::unexpected<Error>(not_whole_records(format, path, bytes));
    }
    if (*got < block.size()) break;
  }
  if (record > 0) return {};
  return fail(ErrorCode::kInvalidArgument, path + ": holds no records");
}

// What must be known of the files before the share is.
struct Index {
  std::vector<Label> labels;                   // of all records of all files
  std::vector<std::uint32_t> records_in_file;  // by file
  bool all_plain = true;
};

Result<Index> read_index(const RecordFormat& format, const std::vector<std::string>& files) {
  Index index;
  for (const std::string& path : files) {
    const std::size_t before = index.labels.size();
    const auto stream = GzipStream::open(path);
    if (stream && stream->is_gzip()) index.all_plain = false;
    const auto read = for_each_record(format, path, [&](const std::uint8_t* record) -> Status {
      if (index.labels.size() == kMaxCifarRecords) {
        return tl::unexpected<Error>(too_many_records(path));
      }
      index.labels.push_back(record[format.label_bytes() - 1]);
      return {};
    });
    if (!read) return tl::unexpected<Error>(read.error());
    index.records_in_file.push_back(static_cast<std::uint32_t>(index.labels.size() - before));
  }
  return index;
}

Error changed_while_read(const std::string& path) {
  return {ErrorCode::kCorrupt, path +
                                   ": the files hold fewer records than a moment ago: they must "
                                   "not change while they are read"};
}

// The pixels of the share where they lie in plain files.
Result<MappedSamples> map_records(const RecordFormat& format, const std::vector<std::string>& files,
                                  const Index& index, const std::vector<std::uint32_t>& share) {
  MappedSamples samples;
  samples.rows.reserve(share.size());
  std::uint32_t first = 0;  // record of the file, among all
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto file = MappedFile::open(files[i]);
    if (!file) return tl::unexpected<Error>(file.error());
    if (file->bytes().size() < index.records_in_file[i] * format.bytes()) {
      return tl::unexpected<Error>(changed_while_read(files[i]));
    }
    const auto owner = std::make_shared<const MappedFile>(*std::move(file));
    const std::uint32_t end = first + index.records_in_file[i];
    for (std::size_t at = samples.rows.size(); at < share.size() && share[at] < end; ++at) {
      samples.rows.push_back(owner->bytes().data() + (share[at] - first) * format.bytes() +
                             format.label_bytes());
    }
    samples.owners.push_back(owner);
    first = end;
  }
  return samples;
}

// The pixels of the share, copied out of files of which some are packed.
Status copy_records(const RecordFormat& format, const std::vector<std::string>& files,
                    const std::vector<std::uint32_t>& share, std::vector<std::uint8_t>& pixels) {
  pixels.reserve(share.size() * kCifarShape.value_count());
  std::size_t kept = 0;
  std::uint32_t row = 0;
  for (const std::string& path : files) {
    if (kept == share.size()) break;
    const auto read = for_each_record(format, path, [&](const std::uint8_t* record) -> Status {
      if (kept == share.size() || share[kept] != row++) return {};
      ++kept;
      pixels.insert(pixels.end(), record + format.label_bytes(), record + format.bytes());
      return {};
    });
    if (!read) return read;
  }
  if (kept == share.size()) return {};
  return tl::unexpected<Error>(changed_while_read(files.back()));
}

}  // namespace

Result<Dataset> load_cifar(CifarKind kind, const std::vector<std::string>& files,
                           const LoadOptions& options) {
  const RecordFormat format = format_of(kind);
  const auto index = read_index(format, files);
  if (!index) return tl::unexpected<Error>(index.error());
  const auto share = chosen_rows(index->labels, options);
  if (!share) return tl::unexpected<Error>(share.error());
  Dataset dataset{kCifarShape, format.classes(), {}, {}};
  if (index->all_plain) {
    auto mapped = map_records(format, files, *index, *share);
    if (!mapped) return tl::unexpected<Error>(mapped.error());
    dataset.mapped = *std::move(mapped);
  } else if (auto copied = copy_records(format, files, *share, dataset.pixels); !copied) {
    return tl::unexpected<Error>(copied.error());
  }
  dataset.labels.reserve(share->size());
  for (const std::uint32_t row : *share) dataset.labels.push_back(index->labels[row]);
  return dataset;
}

}  // namespace skiptrain::data
