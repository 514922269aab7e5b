// How wide text is on a terminal, and making it as wide as wanted.
#include <algorithm>
#include <array>
#include <cmath>
#include <cwchar>
#include <string_view>

#include "ctl/watch/picture.h"

namespace skiptrain::ctl {
namespace {

struct Glyph {
  std::string bytes;
  std::size_t cells = 1;
};

// By the locale's encoding.
std::vector<Glyph> glyphs_of(const std::string& text) {
  std::vector<Glyph> glyphs;
  std::mbstate_t state{};
  for (std::size_t at = 0; at < text.size();) {
    wchar_t c = 0;
    const std::size_t length = std::mbrtowc(&c, text.data() + at, text.size() - at, &state);
    const bool decoded = length > 0 && length <= text.size() - at;
    const int cells = decoded ? wcwidth(c) : -1;
    if (cells >= 0) {
      glyphs.push_back({text.substr(at, length), static_cast<std::size_t>(cells)});
    } else {
      glyphs.push_back({"?", 1});
    }
    if (!decoded) state = {};
    at += decoded ? length : 1;
  }
  return glyphs;
}

bool locale_has(const char* text) {
  std::mbstate_t state{};
  wchar_t c = 0;
  const std::size_t size = std::string_view(text).size();
  return std::mbrtowc(&c, text, size, &state) == size;
}

}  // namespace

std::size_t cells_of(const std::string& text) {
  std::size_t cells = 0;
  for (const Glyph& glyph : glyphs_of(text)) cells += glyph.cells;
  return cells;
}

std::string fitted(const std::string& text, std::size_t width, bool right) {
  const auto glyphs = glyphs_of(text);
  std::size_t cells = 0;
  for (const Glyph& glyph : glyphs) cells += glyph.cells;
  const bool cut = cells > width;
  const std::size_t room = cut && width > 0 ? width - 1 : width;
  std::string line;
  std::size_t used = 0;
  for (const Glyph& glyph : glyphs) {
    if (used + glyph.cells > room) break;
    line += glyph.bytes;
    used += glyph.cells;
  }
  if (cut && width > 0) {
    line += locale_has("…") ? "…" : "~";
    ++used;
  }
  const std::string gap(width - used, ' ');
  return right ? gap + line : line + gap;
}

std::string sparkline(const std::vector<double>& values, std::size_t width, double low, double high,
                      bool utf8) {
  static constexpr std::array<const char*, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::string_view kAscii = "_.-=+*%#";
  std::string line;
  const std::size_t shown = std::min(width, values.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const std::size_t from = i * values.size() / shown;
    const std::size_t to = std::max(from + 1, (i + 1) * values.size() / shown);
    double sum = 0;
    for (std::size_t v = from; v < to; ++v) sum += values[v];
    const double value = sum / static_cast<double>(to - from);
    const double part = high > low ? (value - low) / (high - low) : 0.5;
    const auto step = static_cast<std::size_t>(
        std::clamp(std::floor(part * kBars.size()), 0.0, static_cast<double>(kBars.size() - 1)));
    if (utf8) {
      line += kBars[step];
    } else {
      line += kAscii[step];
    }
  }
  return line;
}

}  // namespace skiptrain::ctl
