// An array's values, in C order, out of a member of a zip file (zip_archive.h).
//
// The member stands before the first value; `after` bytes follow the last. All of it is read, so
// that its CRC is checked, and only the rows that are asked for are kept. Errors start with the
// member's name. kCorrupt: truncated, trailing bytes, damaged. kResourceExhausted: beyond the
// limit below.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "data/array.h"
#include "data/zip_archive.h"

namespace skiptrain::data {

// Of one array, as far as it is kept in memory.
inline constexpr std::uint64_t kMaxMemberKeptBytes = std::uint64_t{4} << 30;

Result<Array> read_member(ZipMember& member, const ArrayType& type, std::uint64_t after = 0);
// The rows named by `rows` (ascending, without repeats), one after the other, as an array whose
// first extent is their number. kMismatch if a row is not in the array.
Result<Array> read_member_rows(ZipMember& member, const ArrayType& type,
                               const std::vector<std::uint32_t>& rows, std::uint64_t after = 0);

}  // namespace skiptrain::data
