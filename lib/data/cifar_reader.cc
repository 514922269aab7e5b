#include "data/cifar_reader.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "data/gzip_stream.h"

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

// The classes of all records of all files.
Result<std::vector<Label>> read_labels(const RecordFormat& format,
                                       const std::vector<std::string>& files) {
  std::vector<Label> labels;
  for (const std::string& path : files) {
    const auto read = for_each_record(format, path, [&](const std::uint8_t* record) -> Status {
      if (labels.size() == kMaxCifarRecords) {
        return tl::unexpected<Error>(too_many_records(path));
      }
      labels.push_back(record[format.label_bytes() - 1]);
      return {};
    });
    if (!read) return tl::unexpected<Error>(read.error());
  }
  return labels;
}

}  // namespace

Result<Dataset> load_cifar(CifarKind kind, const std::vector<std::string>& files,
                           const LoadOptions& options) {
  const RecordFormat format = format_of(kind);
  const auto labels = read_labels(format, files);
  if (!labels) return tl::unexpected<Error>(labels.error());
  const auto share = chosen_rows(*labels, options);
  if (!share) return tl::unexpected<Error>(share.error());
  Dataset dataset{kCifarShape, format.classes(), {}, {}};
  dataset.pixels.reserve(share->size() * kCifarShape.value_count());
  dataset.labels.reserve(share->size());
  std::uint32_t row = 0;
  for (const std::string& path : files) {
    if (dataset.size() == share->size()) break;
    const auto read = for_each_record(format, path, [&](const std::uint8_t* record) -> Status {
      if (dataset.size() == share->size() || (*share)[dataset.size()] != row++) return {};
      dataset.labels.push_back(record[format.label_bytes() - 1]);
      dataset.pixels.insert(dataset.pixels.end(), record + format.label_bytes(),
                            record + format.bytes());
      return {};
    });
    if (!read) return tl::unexpected<Error>(read.error());
  }
  if (dataset.size() < share->size()) {
    return fail(ErrorCode::kCorrupt, files.back() +
                                         ": the files hold fewer records than a moment ago: they "
                                         "must not change while they are read");
  }
  return dataset;
}

}  // namespace skiptrain::data
