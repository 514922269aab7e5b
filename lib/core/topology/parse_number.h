// Whole numbers in specs and adjacency lists.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace skiptrain::core {

// Decimal digits and nothing else; nullopt for anything other, and for what does not fit.
inline std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace skiptrain::core
