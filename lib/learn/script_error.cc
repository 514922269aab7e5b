#include "learn/script_error.h"

#include <algorithm>
#include <cctype>

namespace skiptrain::learn {
namespace {

constexpr std::size_t kMaxLineBytes = 500;

// "RuntimeError: ...", "builtins.ValueError: ...": a name in the first column that ends like that.
bool names_an_error(std::string_view line) {
  const std::size_t colon = line.find(": ");
  if (colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, colon);
  const auto is_part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; };
  return (name.ends_with("Error") || name.ends_with("Exception")) &&
         std::ranges::all_of(name, is_part);
}

}  // namespace

std::string essential_line(std::string_view message) {
  std::string_view first;
  std::string_view last_error;
  while (!message.empty()) {
    const std::size_t end = std::min(message.find('\n'), message.size());
    const std::string_view line = message.substr(0, end);
    message.remove_prefix(std::min(end + 1, message.size()));
    if (line.empty()) continue;
    if (first.empty()) first = line;
    if (names_an_error(line)) last_error = line;
  }
  return std::string((last_error.empty() ? first : last_error).substr(0, kMaxLineBytes));
}

}  // namespace skiptrain::learn
