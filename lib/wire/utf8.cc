#include "wire/utf8.h"

#include <cstdint>
#include <optional>

namespace skiptrain::wire {
namespace {

// Takes one character off the front of `text`; nullopt if it is not one.
std::optional<std::uint32_t> take_character(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::uint32_t lead = byte(0);
  std::size_t size = 1;
  std::uint32_t character = lead;
  std::uint32_t smallest = 0;
  if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4, character = lead & 0x07u, smallest = 0x10000;
  } else if (lead >= 0xe0 && lead < 0xf0) {
    size = 3, character = lead & 0x0fu, smallest = 0x800;
  } else if (lead >= 0xc0 && lead < 0xe0) {
    size = 2, character = lead & 0x1fu, smallest = 0x80;
  } else if (lead >= 0x80) {
    return std::nullopt;
  }
  if (text.size() < size) return std::nullopt;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0u) != 0x80u) return std::nullopt;
    character = character << 6 | (byte(i) & 0x3fu);
  }
  const bool surrogate = character >= 0xd800 && character <= 0xdfff;
  if (character < smallest || character > 0x10ffff || surrogate) return std::nullopt;
  text.remove_prefix(size);
  return character;
}

bool is_control(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (!take_character(text)) return false;
  }
  return true;
}

bool is_plain_text(std::string_view text) {
  while (!text.empty()) {
    const auto character = take_character(text);
    if (!character || is_control(*character)) return false;
  }
  return true;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string result;
  while (!text.empty()) {
    const std::string_view before = text;
    const auto character = take_character(text);
    if (!character) text.remove_prefix(1);
    const bool shown = character && !is_control(*character);
    const std::string_view piece = shown ? before.substr(0, before.size() - text.size()) : "?";
    if (result.size() + piece.size() > limit) break;
    result += piece;
  }
  return result;
}

}  // namespace skiptrain::wire
