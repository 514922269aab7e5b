// Replaces a file at once and durably: temp file beside it, fsync, rename, fsync of the directory.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "store/files.h"

namespace skiptrain::store {

// The temp files' names end with this and a number; what a crash leaves behind may be deleted.
inline constexpr std::string_view kTempMark = ".tmp.";

// Writes `pieces` one after the other as the new content of `path`; mode 0600. On an error the old
// file is untouched and the temp file gone, unless it was the last step that failed. With the path
// and the system's reason: kResourceExhausted if the disk is full, else kUnavailable. A failed
// fsync is final, since the kernel may have dropped the data: do not try again.
Status replace_file(Files& files, const std::string& path,
                    std::span<const std::string_view> pieces);
Status replace_file(const std::string& path, std::span<const std::string_view> pieces);

// Deletes what replace_file() left beside `path` in processes that are no more. To be called before
// this process replaces it: a temp file with its own id is of an earlier start in a container,
// where each has the same. What cannot be deleted stays.
void delete_leftovers(const std::string& path);

inline Status replace_file(const std::string& path, std::string_view content) {
  return replace_file(path, std::span(&content, 1));
}

}  // namespace skiptrain::store
