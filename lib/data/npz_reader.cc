#include "data/npz_reader.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "data/array_member.h"
#include "data/npy_reader.h"
#include "data/quoted.h"

namespace skiptrain::data {
namespace {

constexpr std::string_view kSuffix = ".npy";

// All before the values.
Result<ArrayType> read_header(ZipMember& member) {
  std::vector<std::uint8_t> header(kNpyPrefixBytes);
  auto got = member.read_some(header);
  if (!got) return tl::unexpected<Error>(got.error());
  header.resize(*got);
  const auto offset = npy_values_offset(header, member.name());
  if (!offset) return tl::unexpected<Error>(offset.error());
  header.resize(*offset);
  got = member.read_some(std::span(header).subspan(kNpyPrefixBytes));
  if (!got) return tl::unexpected<Error>(got.error());
  header.resize(kNpyPrefixBytes + *got);
  auto type = parse_npy_header(header, member.name());
  if (!type) return type;
  const std::uint64_t needed = header.size() + type->byte_count();
  if (needed == member.size()) return type;
  return fail(ErrorCode::kCorrupt, member.name() + ": declares " + to_string(*type) +
                                       ", which makes " + std::to_string(needed) +
                                       " bytes, but has " + std::to_string(member.size()));
}

}  // namespace

Result<NpzFile> NpzFile::open(const std::string& path) {
  auto archive = ZipArchive::open(path, "an archive of NumPy",
                                  "as numpy.savez and numpy.savez_compressed write it");
  if (!archive) return tl::unexpected<Error>(archive.error());
  NpzFile npz;
  npz.archive_ = *std::move(archive);
  const std::vector<std::string>& names = npz.archive_.names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!names[i].ends_with(kSuffix)) continue;
    npz.keys_.push_back(names[i].substr(0, names[i].size() - kSuffix.size()));
    npz.indices_.push_back(i);
  }
  return npz;
}

Result<NpzFile::Opened> NpzFile::find(const std::string& key) const {
  const auto found = std::find(keys_.begin(), keys_.end(), key);
  if (found == keys_.end()) {
    return fail(ErrorCode::kNotFound,
                path() + ": there is no array " + quoted(key) + "; " +
                    (keys_.empty() ? "it holds none" : "it holds " + quoted_list(keys_)));
  }
  auto member = archive_.member(indices_[static_cast<std::size_t>(found - keys_.begin())],
                                path() + ": " + key + std::string(kSuffix));
  if (!member) return tl::unexpected<Error>(member.error());
  auto type = read_header(*member);
  if (!type) return tl::unexpected<Error>(type.error());
  return Opened{*std::move(member), *std::move(type)};
}

Result<ArrayType> NpzFile::type_of(const std::string& key) const {
  auto opened = find(key);
  if (!opened) return tl::unexpected<Error>(opened.error());
  return std::move(opened->type);
}

Result<Array> NpzFile::read(const std::string& key) const {
  auto opened = find(key);
  if (!opened) return tl::unexpected<Error>(opened.error());
  return read_member(opened->member, opened->type);
}

Result<Array> NpzFile::read_rows(const std::string& key,
                                 const std::vector<std::uint32_t>& rows) const {
  auto opened = find(key);
  if (!opened) return tl::unexpected<Error>(opened.error());
  return read_member_rows(opened->member, opened->type, rows);
}

}  // namespace skiptrain::data
