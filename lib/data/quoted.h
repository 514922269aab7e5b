// What a file says, cut and cleaned for a message. Inside lib/data only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skiptrain::data {

// In quotes: at most 40 characters, without control characters.
std::string quoted(std::string_view text);
// The first 40 of them, with commas between.
std::string quoted_list(const std::vector<std::string>& names);

}  // namespace skiptrain::data
