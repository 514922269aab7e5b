#include "data/zip_archive.h"

#include <zip.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace skiptrain::data {
namespace {

// Deflate cannot do better than 1032 to 1 (zlib's technical notes).
constexpr std::uint64_t kMaxDeflateRatio = 1032;
// What nobody wants is read in pieces of this many bytes.
constexpr std::uint64_t kSkipBytes = 256 * 1024;

std::string reason_of(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

// A member's declared sizes, from the archive's directory.
Status check_packing(const zip_stat_t& entry, const std::string& name, const std::string& how) {
  if (entry.encryption_method != ZIP_EM_NONE ||
      (entry.comp_method != ZIP_CM_STORE && entry.comp_method != ZIP_CM_DEFLATE)) {
    return fail(ErrorCode::kInvalidArgument,
                name + ": is packed in an unknown way: must be stored or deflated, " + how);
  }
  if (entry.size / kMaxDeflateRatio > entry.comp_size) {
    return fail(ErrorCode::kCorrupt, name + ": declares " + std::to_string(entry.size) +
                                         " bytes, which cannot be packed into " +
                                         std::to_string(entry.comp_size));
  }
  return {};
}

}  // namespace

void ZipMember::Close::operator()(zip_file* file) const {
  zip_fclose(file);
}

Result<std::size_t> ZipMember::read_some(std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const zip_int64_t got = zip_fread(file_.get(), out.data() + done, out.size() - done);
    if (got < 0) {
      return fail(ErrorCode::kCorrupt, name_ + ": cannot be unpacked: " +
                                           zip_error_strerror(zip_file_get_error(file_.get())));
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Status ZipMember::read(std::span<std::uint8_t> out) {
  const auto got = read_some(out);
  if (!got) return tl::unexpected<Error>(got.error());
  if (*got == out.size()) return {};
  return fail(ErrorCode::kCorrupt, name_ + ": truncated: ends before its values do");
}

Status ZipMember::skip(std::uint64_t bytes) {
  std::vector<std::uint8_t> skipped(std::min(bytes, kSkipBytes));
  while (bytes > 0) {
    const std::uint64_t piece = std::min(bytes, kSkipBytes);
    if (auto done = read(std::span(skipped).first(piece)); !done) return done;
    bytes -= piece;
  }
  return {};
}

Status ZipMember::expect_end(const std::string& what) {
  std::uint8_t extra = 0;
  const auto got = read_some({&extra, 1});
  if (!got) return tl::unexpected<Error>(got.error());
  if (*got == 0) return {};
  return fail(ErrorCode::kCorrupt, name_ + ": trailing bytes after the declared " + what);
}

void ZipArchive::Discard::operator()(zip* archive) const {
  zip_discard(archive);
}

Result<ZipArchive> ZipArchive::open(const std::string& path, const std::string& what,
                                    const std::string& how) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored)) {
    return fail(ErrorCode::kInvalidArgument, path + ": is not a regular file");
  }
  ZipArchive opened;
  opened.path_ = path;
  opened.how_ = how;
  int code = 0;
  opened.archive_.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (!opened.archive_) {
    if (code == ZIP_ER_NOENT || code == ZIP_ER_OPEN) {
      return fail(ErrorCode::kNotFound, path + ": cannot be opened: " + reason_of(code));
    }
    return fail(ErrorCode::kCorrupt,
                path + ": not " + what + ": " + reason_of(code) + ": must be a zip file, " + how);
  }
  const zip_int64_t count = zip_get_num_entries(opened.archive_.get(), 0);
  if (count > static_cast<zip_int64_t>(kMaxZipMembers)) {
    return fail(ErrorCode::kResourceExhausted, path + ": " + std::to_string(count) +
                                                   " members: the limit is " +
                                                   std::to_string(kMaxZipMembers));
  }
  std::set<std::string> seen;
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* const text = zip_get_name(opened.archive_.get(), static_cast<zip_uint64_t>(i), 0);
    opened.names_.emplace_back(text == nullptr ? "" : text);
    if (!seen.insert(opened.names_.back()).second) {
      return fail(ErrorCode::kCorrupt, path + ": holds " + opened.names_.back() + " twice");
    }
  }
  return opened;
}

Result<ZipMember> ZipArchive::member(std::size_t index, std::string name) const {
  ZipMember member;
  member.name_ = std::move(name);
  zip_stat_t entry;
  zip_stat_init(&entry);
  if (zip_stat_index(archive_.get(), index, 0, &entry) != 0) {
    return fail(ErrorCode::kCorrupt, member.name_ + ": " + zip_strerror(archive_.get()));
  }
  if (auto packing = check_packing(entry, member.name_, how_); !packing) {
    return tl::unexpected<Error>(packing.error());
  }
  member.size_ = entry.size;
  member.file_.reset(zip_fopen_index(archive_.get(), index, 0));
  if (!member.file_) {
    return fail(ErrorCode::kCorrupt,
                member.name_ + ": cannot be read: " + zip_strerror(archive_.get()));
  }
  return member;
}

}  // namespace skiptrain::data
