#include "ctl/data/picture.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace skiptrain::ctl {
namespace {

constexpr std::uint32_t kDotsInTerminal = 32;  // of a sample's side
constexpr std::uint32_t kMinTile = 96;         // of a sample on a sheet, in dots
constexpr std::uint32_t kGap = 4;
constexpr std::size_t kSheetColumns = 8;
constexpr std::string_view kShades = " .:-=+*#%@";

std::uint8_t dot(const data::Image& image, std::size_t channel, std::size_t y, std::size_t x) {
  const std::size_t plane = std::size_t{image.shape.height} * image.shape.width;
  return image.pixels[channel * plane + y * image.shape.width + x];
}

// By the mean of each box of dots.
data::Image shrunk(const data::Image& image, std::uint32_t height, std::uint32_t width) {
  const data::ImageShape from = image.shape;
  data::Image small{{from.channels, height, width}, {}};
  small.pixels.reserve(small.shape.value_count());
  for (std::uint32_t channel = 0; channel < from.channels; ++channel) {
    for (std::uint32_t y = 0; y < height; ++y) {
      for (std::uint32_t x = 0; x < width; ++x) {
        const std::uint32_t top = y * from.height / height;
        const std::uint32_t left = x * from.width / width;
        const std::uint32_t bottom = std::max(top + 1, (y + 1) * from.height / height);
        const std::uint32_t right = std::max(left + 1, (x + 1) * from.width / width);
        std::uint64_t sum = 0;
        for (std::uint32_t v = top; v < bottom; ++v) {
          for (std::uint32_t u = left; u < right; ++u) sum += dot(image, channel, v, u);
        }
        small.pixels.push_back(static_cast<std::uint8_t>(sum / ((bottom - top) * (right - left))));
      }
    }
  }
  return small;
}

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  bool operator==(const Colour&) const = default;
};

// Beyond the last row, black.
Colour colour_at(const data::Image& image, std::size_t y, std::size_t x) {
  if (y >= image.shape.height) return {};
  if (image.shape.channels == 1) {
    const std::uint8_t grey = dot(image, 0, y, x);
    return {grey, grey, grey};
  }
  return {dot(image, 0, y, x), dot(image, 1, y, x), dot(image, 2, y, x)};
}

std::string ansi(const char* layer, const Colour& colour) {
  return std::string("\x1b[") + layer + ";2;" + std::to_string(colour.red) + ";" +
         std::to_string(colour.green) + ";" + std::to_string(colour.blue) + "m";
}

// Upper half blocks: the foreground is the upper dot, the background the lower one.
std::string coloured_line(const data::Image& image, std::size_t y) {
  std::string line;
  for (std::size_t x = 0; x < image.shape.width; ++x) {
    line += ansi("38", colour_at(image, y, x)) + ansi("48", colour_at(image, y + 1, x)) + "\u2580";
  }
  return line + "\x1b[0m";
}

// A character is about twice as high as wide: the mean of two dots.
std::string shaded_line(const data::Image& image, std::size_t y) {
  std::string line;
  for (std::size_t x = 0; x < image.shape.width; ++x) {
    const auto grey = [&](std::size_t row) {
      const Colour c = colour_at(image, row, x);
      return 0.299 * c.red + 0.587 * c.green + 0.114 * c.blue;
    };
    const double mean = y + 1 < image.shape.height ? (grey(y) + grey(y + 1)) / 2 : grey(y);
    line += kShades[static_cast<std::size_t>(mean / 256.0 * static_cast<double>(kShades.size()))];
  }
  return line;
}

}  // namespace

bool is_picture(const data::ImageShape& shape) {
  return shape.height > 1 && shape.width > 1;
}

data::Image picture_of(const data::Dataset& samples, std::size_t index) {
  const std::uint32_t channels = samples.shape.channels >= 3 ? 3 : 1;
  data::Image image{{channels, samples.shape.height, samples.shape.width}, {}};
  const std::size_t values = image.shape.value_count();
  if (!samples.holds_floats()) {
    image.pixels.assign(samples.sample(index), samples.sample(index) + values);
    return image;
  }
  const float* const from = samples.float_sample(index);
  const auto [low, high] = std::minmax_element(from, from + values);
  const double range = std::max(static_cast<double>(*high) - static_cast<double>(*low), 1e-30);
  for (std::size_t i = 0; i < values; ++i) {
    const double part = (static_cast<double>(from[i]) - static_cast<double>(*low)) / range;
    image.pixels.push_back(static_cast<std::uint8_t>(std::lround(255.0 * part)));
  }
  return image;
}

data::Image sheet_of(const data::Dataset& samples) {
  const data::ImageShape& shape = samples.shape;
  const std::uint32_t scale =
      std::max(1u, kMinTile / std::max(1u, std::max(shape.height, shape.width)));
  const auto columns = static_cast<std::uint32_t>(std::min(samples.size(), kSheetColumns));
  const auto rows = static_cast<std::uint32_t>((samples.size() + columns - 1) / columns);
  const std::uint32_t tile_height = shape.height * scale + kGap;
  const std::uint32_t tile_width = shape.width * scale + kGap;
  const std::uint32_t channels = shape.channels >= 3 ? 3 : 1;
  data::Image sheet{{channels, rows * tile_height + kGap, columns * tile_width + kGap}, {}};
  sheet.pixels.assign(sheet.shape.value_count(), 255);
  const std::size_t plane = std::size_t{sheet.shape.height} * sheet.shape.width;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const data::Image image = picture_of(samples, i);
    const std::size_t top = kGap + i / columns * tile_height;
    const std::size_t left = kGap + i % columns * tile_width;
    for (std::size_t channel = 0; channel < channels; ++channel) {
      for (std::size_t y = 0; y < std::size_t{shape.height} * scale; ++y) {
        std::uint8_t* const out =
            sheet.pixels.data() + channel * plane + (top + y) * sheet.shape.width + left;
        for (std::size_t x = 0; x < std::size_t{shape.width} * scale; ++x) {
          out[x] = dot(image, channel, y / scale, x / scale);
        }
      }
    }
  }
  return sheet;
}

std::vector<std::string> drawn(const data::Dataset& samples, int width, bool colour) {
  const data::ImageShape& shape = samples.shape;
  const std::uint32_t side = std::max(shape.height, shape.width);
  const std::uint32_t shown = std::min(side, kDotsInTerminal);
  const std::uint32_t rows = std::max(1u, shape.height * shown / side);
  const std::uint32_t columns = std::max(1u, shape.width * shown / side);
  const std::size_t abreast = std::max<std::size_t>(
      1, static_cast<std::size_t>(std::max(width, 1) + 1) / (columns + std::size_t{1}));
  std::vector<std::string> lines;
  for (std::size_t first = 0; first < samples.size(); first += abreast) {
    if (first > 0) lines.emplace_back();
    const std::size_t begin = lines.size();
    for (std::size_t i = first; i < std::min(first + abreast, samples.size()); ++i) {
      const data::Image image = shrunk(picture_of(samples, i), rows, columns);
      for (std::size_t y = 0; y < rows; y += 2) {
        if (i == first) lines.emplace_back();
        std::string& line = lines[begin + y / 2];
        line +=
            (i == first ? "" : " ") + (colour ? coloured_line(image, y) : shaded_line(image, y));
      }
    }
  }
  return lines;
}

}  // namespace skiptrain::ctl
