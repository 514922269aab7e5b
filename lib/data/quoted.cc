#include "data/quoted.h"

#include <algorithm>
#include <cstddef>

namespace skiptrain::data {
namespace {

constexpr std::size_t kShown = 40;

}  // namespace

std::string quoted(std::string_view text) {
  std::string shown = "\"";
  for (const char c : text.substr(0, kShown)) {
    shown += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return shown + (text.size() > kShown ? "...\"" : "\"");
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    text += (i > 0 ? ", " : "") + quoted(names[i]);
  }
  return text + (names.size() > kShown ? ", ..." : "");
}

}  // namespace skiptrain::data
