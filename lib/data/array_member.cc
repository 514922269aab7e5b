#include "data/array_member.h"

#include <memory>
#include <string>
#include <utility>

namespace skiptrain::data {
namespace {

// Memory of one's own for an array's values.
Result<std::shared_ptr<std::vector<std::uint8_t>>> make_room(const std::string& name,
                                                             std::uint64_t bytes) {
  if (bytes > kMaxMemberKeptBytes) {
    return fail(ErrorCode::kResourceExhausted,
                name + ": " + std::to_string(bytes) + " bytes would be kept: the limit is " +
                    std::to_string(kMaxMemberKeptBytes >> 30) +
                    " GiB; files .npy are mapped and have no such limit");
  }
  return std::make_shared<std::vector<std::uint8_t>>(bytes);
}

// Streams over all rows and copies the chosen ones to `out`.
Status keep_rows(ZipMember& member, const ArrayType& type, const std::vector<std::uint32_t>& rows,
                 std::span<std::uint8_t> out) {
  const std::uint64_t row_bytes = type.row_bytes();
  std::uint64_t at = 0;
  for (const std::uint32_t row : rows) {
    if (auto skipped = member.skip((row - at) * row_bytes); !skipped) return skipped;
    if (auto read = member.read(out.first(row_bytes)); !read) return read;
    out = out.subspan(row_bytes);
    at = std::uint64_t{row} + 1;
  }
  return member.skip((type.row_count() - at) * row_bytes);
}

Status finish(ZipMember& member, const ArrayType& type, std::uint64_t after) {
  if (auto skipped = member.skip(after); !skipped) return skipped;
  return member.expect_end(to_string(type));
}

}  // namespace

Result<Array> read_member(ZipMember& member, const ArrayType& type, std::uint64_t after) {
  const auto values = make_room(member.name(), type.byte_count());
  if (!values) return tl::unexpected<Error>(values.error());
  Status read = member.read(**values);
  if (read) read = finish(member, type, after);
  if (!read) return tl::unexpected<Error>(read.error());
  return Array{type, **values, *values};
}

Result<Array> read_member_rows(ZipMember& member, const ArrayType& type,
                               const std::vector<std::uint32_t>& rows, std::uint64_t after) {
  if (type.shape.empty() || (!rows.empty() && rows.back() >= type.row_count())) {
    return fail(ErrorCode::kMismatch, member.name() + ": " + to_string(type) + " has no row " +
                                          std::to_string(rows.empty() ? 0 : rows.back()));
  }
  ArrayType kept = type;
  kept.shape.front() = rows.size();
  const auto values = make_room(member.name(), kept.byte_count());
  if (!values) return tl::unexpected<Error>(values.error());
  Status read = keep_rows(member, type, rows, **values);
  if (read) read = finish(member, type, after);
  if (!read) return tl::unexpected<Error>(read.error());
  return Array{std::move(kept), **values, *values};
}

}  // namespace skiptrain::data
