#include "data/npz_reader.h"

#include <zip.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "data/npy_reader.h"

namespace skiptrain::data {
namespace {

constexpr std::string_view kSuffix = ".npy";
// Deflate cannot do better than 1032 to 1 (zlib's technical notes).
constexpr std::uint64_t kMaxDeflateRatio = 1032;
// Rows that nobody wants are read in runs of about this many bytes.
constexpr std::size_t kRunBytes = 256 * 1024;
constexpr std::size_t kShownKeys = 32;

struct CloseMember {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

// One array as it streams out of the archive; what stands before its values has been read.
struct Member {
  std::string name;  // for messages
  std::unique_ptr<zip_file_t, CloseMember> file;
  std::uint64_t unpacked_bytes = 0;
  ArrayType type;
};

std::string reason_of(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

std::string key_list(const std::vector<std::string>& keys) {
  std::string text;
  for (std::size_t i = 0; i < std::min(keys.size(), kShownKeys); ++i) {
    text += (i > 0 ? ", \"" : "\"") + keys[i] + '"';
  }
  return text + (keys.size() > kShownKeys ? ", ..." : "");
}

// Fills `out` as far as the member goes.
Result<std::size_t> read_some(const Member& member, std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const zip_int64_t got = zip_fread(member.file.get(), out.data() + done, out.size() - done);
    if (got < 0) {
      return fail(ErrorCode::kCorrupt,
                  member.name + ": cannot be unpacked: " +
                      zip_error_strerror(zip_file_get_error(member.file.get())));
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Status read_all(const Member& member, std::span<std::uint8_t> out) {
  const auto got = read_some(member, out);
  if (!got) return tl::unexpected<Error>(got.error());
  if (*got == out.size()) return {};
  return fail(ErrorCode::kCorrupt, member.name + ": truncated: ends before its values do");
}

// Reading beyond the last byte is also what checks the CRC.
Status expect_end(const Member& member) {
  std::uint8_t extra = 0;
  const auto got = read_some(member, {&extra, 1});
  if (!got) return tl::unexpected<Error>(got.error());
  if (*got == 0) return {};
  return fail(ErrorCode::kCorrupt,
              member.name + ": trailing bytes after the declared " + to_string(member.type));
}

// A member's declared sizes, from the archive's directory.
Status check_packing(const zip_stat_t& entry, const std::string& name) {
  if (entry.encryption_method != ZIP_EM_NONE ||
      (entry.comp_method != ZIP_CM_STORE && entry.comp_method != ZIP_CM_DEFLATE)) {
    return fail(ErrorCode::kInvalidArgument,
                name +
                    ": is packed in a way that NumPy does not use: must be stored or deflated, "
                    "as numpy.savez and numpy.savez_compressed write it");
  }
  if (entry.size / kMaxDeflateRatio > entry.comp_size) {
    return fail(ErrorCode::kCorrupt, name + ": declares " + std::to_string(entry.size) +
                                         " bytes, which cannot be packed into " +
                                         std::to_string(entry.comp_size));
  }
  return {};
}

Status read_header(Member& member) {
  std::vector<std::uint8_t> header(kNpyPrefixBytes);
  auto got = read_some(member, header);
  if (!got) return tl::unexpected<Error>(got.error());
  header.resize(*got);
  const auto offset = npy_values_offset(header, member.name);
  if (!offset) return tl::unexpected<Error>(offset.error());
  header.resize(*offset);
  got = read_some(member, std::span(header).subspan(kNpyPrefixBytes));
  if (!got) return tl::unexpected<Error>(got.error());
  header.resize(kNpyPrefixBytes + *got);
  auto type = parse_npy_header(header, member.name);
  if (!type) return tl::unexpected<Error>(type.error());
  member.type = *std::move(type);
  const std::uint64_t needed = header.size() + member.type.byte_count();
  if (needed == member.unpacked_bytes) return {};
  return fail(ErrorCode::kCorrupt, member.name + ": declares " + to_string(member.type) +
                                       ", which " + "makes " + std::to_string(needed) +
                                       " bytes, but has " + std::to_string(member.unpacked_bytes));
}

// Memory of one's own for an array's values.
Result<std::shared_ptr<std::vector<std::uint8_t>>> make_room(const Member& member,
                                                             std::uint64_t bytes) {
  if (bytes > kMaxNpzKeptBytes) {
    return fail(ErrorCode::kResourceExhausted,
                member.name + ": " + std::to_string(bytes) + " bytes would be kept: the limit is " +
                    std::to_string(kMaxNpzKeptBytes >> 30) +
                    " GiB; files .npy are mapped and have no such limit");
  }
  return std::make_shared<std::vector<std::uint8_t>>(bytes);
}

// Streams over all rows and copies the chosen ones to `out`.
Status keep_rows(const Member& member, const std::vector<std::uint32_t>& rows,
                 std::span<std::uint8_t> out) {
  const std::uint64_t row_bytes = member.type.row_bytes();
  if (row_bytes == 0) return {};
  const std::uint64_t row_count = member.type.row_count();
  std::vector<std::uint8_t> skipped(std::max<std::uint64_t>(1, kRunBytes / row_bytes) * row_bytes);
  std::size_t kept = 0;
  for (std::uint64_t row = 0; row < row_count;) {
    const std::uint64_t next = kept < rows.size() ? rows[kept] : row_count;
    if (row == next) {
      if (auto read = read_all(member, out.subspan(kept * row_bytes, row_bytes)); !read)
        return read;
      ++kept;
      ++row;
      continue;
    }
    const std::uint64_t run = std::min<std::uint64_t>(next - row, skipped.size() / row_bytes);
    if (auto read = read_all(member, std::span(skipped).first(run * row_bytes)); !read) return read;
    row += run;
  }
  return {};
}

Result<Member> open_member(zip* archive, std::uint64_t index, std::string name) {
  Member member{.name = std::move(name)};
  zip_stat_t entry;
  zip_stat_init(&entry);
  if (zip_stat_index(archive, index, 0, &entry) != 0) {
    return fail(ErrorCode::kCorrupt, member.name + ": " + zip_strerror(archive));
  }
  if (auto packing = check_packing(entry, member.name); !packing) {
    return tl::unexpected<Error>(packing.error());
  }
  member.unpacked_bytes = entry.size;
  member.file.reset(zip_fopen_index(archive, index, 0));
  if (!member.file) {
    return fail(ErrorCode::kCorrupt, member.name + ": cannot be read: " + zip_strerror(archive));
  }
  if (auto header = read_header(member); !header) return tl::unexpected<Error>(header.error());
  return member;
}

Result<Member> find_member(const NpzFile& npz, zip* archive,
                           const std::vector<std::uint64_t>& indices, const std::string& key) {
  const auto& keys = npz.keys();
  const auto found = std::find(keys.begin(), keys.end(), key);
  if (found == keys.end()) {
    return fail(ErrorCode::kNotFound,
                npz.path() + ": there is no array \"" + key + "\"; " +
                    (keys.empty() ? "it holds none" : "it holds " + key_list(keys)));
  }
  return open_member(archive, indices[static_cast<std::size_t>(found - keys.begin())],
                     npz.path() + ": " + key + std::string(kSuffix));
}

}  // namespace

void NpzFile::Close::operator()(zip* archive) const {
  zip_discard(archive);
}

Result<NpzFile> NpzFile::open(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)) {
    return fail(ErrorCode::kInvalidArgument, path + ": is not a regular file");
  }
  NpzFile npz;
  npz.path_ = path;
  int code = 0;
  npz.archive_.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (!npz.archive_) {
    if (code == ZIP_ER_NOENT || code == ZIP_ER_OPEN) {
      return fail(ErrorCode::kNotFound, path + ": cannot be opened: " + reason_of(code));
    }
    return fail(ErrorCode::kCorrupt, path + ": not an archive of NumPy: " + reason_of(code) +
                                         ": must be a zip file, as numpy.savez writes it");
  }
  const zip_int64_t count = zip_get_num_entries(npz.archive_.get(), 0);
  if (count > static_cast<zip_int64_t>(kMaxNpzMembers)) {
    return fail(ErrorCode::kResourceExhausted, path + ": " + std::to_string(count) +
                                                   " members: the limit is " +
                                                   std::to_string(kMaxNpzMembers));
  }
  std::set<std::string_view> seen;
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* const text = zip_get_name(npz.archive_.get(), static_cast<zip_uint64_t>(i), 0);
    const std::string_view name = text == nullptr ? "" : text;
    if (!name.ends_with(kSuffix)) continue;
    if (!seen.insert(name).second) {
      return fail(ErrorCode::kCorrupt, path + ": holds " + std::string(name) + " twice");
    }
    npz.keys_.emplace_back(name.substr(0, name.size() - kSuffix.size()));
    npz.indices_.push_back(static_cast<std::uint64_t>(i));
  }
  return npz;
}

Result<ArrayType> NpzFile::type_of(const std::string& key) const {
  auto member = find_member(*this, archive_.get(), indices_, key);
  if (!member) return tl::unexpected<Error>(member.error());
  return std::move(member->type);
}

Result<Array> NpzFile::read(const std::string& key) const {
  auto member = find_member(*this, archive_.get(), indices_, key);
  if (!member) return tl::unexpected<Error>(member.error());
  const auto values = make_room(*member, member->type.byte_count());
  if (!values) return tl::unexpected<Error>(values.error());
  Status read = read_all(*member, **values);
  if (read) read = expect_end(*member);
  if (!read) return tl::unexpected<Error>(read.error());
  return Array{std::move(member->type), **values, *values};
}

Result<Array> NpzFile::read_rows(const std::string& key,
                                 const std::vector<std::uint32_t>& rows) const {
  auto member = find_member(*this, archive_.get(), indices_, key);
  if (!member) return tl::unexpected<Error>(member.error());
  ArrayType type = member->type;
  if (type.shape.empty() || (!rows.empty() && rows.back() >= type.row_count())) {
    return fail(ErrorCode::kMismatch, member->name + ": " + to_string(type) + " has no row " +
                                          std::to_string(rows.empty() ? 0 : rows.back()));
  }
  type.shape.front() = rows.size();
  const auto values = make_room(*member, type.byte_count());
  if (!values) return tl::unexpected<Error>(values.error());
  Status read = keep_rows(*member, rows, **values);
  if (read) read = expect_end(*member);
  if (!read) return tl::unexpected<Error>(read.error());
  return Array{std::move(type), **values, *values};
}

}  // namespace skiptrain::data
