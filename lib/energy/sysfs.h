// Small files of sysfs: one value each. Internal to this folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace skiptrain::energy {

// Without surrounding white space. kUnavailable if it is missing, unreadable or above
// kMaxSysfsBytes; the message names the file and the cause.
Result<std::string> read_text(const std::filesystem::path& file);
// kCorrupt if it is not a whole number.
Result<std::int64_t> read_integer(const std::filesystem::path& file);

// The entries of `folder`, by name; empty if there is no such folder.
std::vector<std::filesystem::path> entries(const std::filesystem::path& folder);

}  // namespace skiptrain::energy
