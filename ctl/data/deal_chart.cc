#include "ctl/data/deal_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace skiptrain::ctl {
namespace {

constexpr std::size_t kLabelColumns = 6;
constexpr std::array<std::string_view, 6> kUnicodeDots = {" ",      "\u00b7", "\u2022",
                                                          "\u25cb", "\u25cf", "\u2b24"};
constexpr std::array<std::string_view, 6> kAsciiDots = {" ", ".", ":", "o", "O", "@"};

// Told apart by people with any kind of colour vision (Okabe and Ito); beyond eight they repeat,
// and a class is told by its row.
constexpr std::array<const char*, 8> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#4d4d4d", "#b8a400"};

// By the square root, as a dot's area stands for the count.
double radius_part(std::uint64_t count, std::uint64_t largest) {
  return largest == 0 ? 0 : std::sqrt(static_cast<double>(count) / static_cast<double>(largest));
}

std::string escaped(std::string_view text) {
  std::string xml;
  for (const char c : text) {
    switch (c) {
      case '&':
        xml += "&amp;";
        break;
      case '<':
        xml += "&lt;";
        break;
      case '>':
        xml += "&gt;";
        break;
      case '"':
        xml += "&quot;";
        break;
      default:
        xml += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return xml;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

std::string text_at(double x, double y, const char* attributes, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + attributes + ">" +
         escaped(text) + "</text>\n";
}

// Every so many of `count` things are labelled, so that labels do not touch.
std::size_t label_step(std::size_t count, double cell, double needed) {
  std::size_t step = 1;
  for (const std::size_t factor : {2u, 5u, 10u, 20u, 50u, 100u, 200u, 500u, 1000u}) {
    if (static_cast<double>(step) * cell >= needed || step >= count) break;
    step = factor;
  }
  return step;
}

struct Frame {
  double cell = 0;
  double left = 64;
  double top = 48;
  double bottom = 0;
  double right = 0;

  double x(std::size_t node) const { return left + (static_cast<double>(node) + 0.5) * cell; }
  // The first class stands at the bottom.
  double y(std::size_t place) const { return bottom - (static_cast<double>(place) + 0.5) * cell; }
};

Frame frame_of(const Deal& deal) {
  const std::size_t longest = std::max(deal.counts.size(), deal.classes.size());
  Frame frame;
  frame.cell =
      std::clamp(1400.0 / static_cast<double>(std::max<std::size_t>(longest, 1)), 4.0, 30.0);
  frame.right = frame.left + frame.cell * static_cast<double>(deal.counts.size());
  frame.bottom = frame.top + frame.cell * static_cast<double>(deal.classes.size());
  return frame;
}

std::string axes(const Deal& deal, const Frame& frame) {
  std::string svg = "<rect x=\"" + number(frame.left) + "\" y=\"" + number(frame.top) +
                    "\" width=\"" + number(frame.right - frame.left) + "\" height=\"" +
                    number(frame.bottom - frame.top) + "\" fill=\"none\" stroke=\"#8a929c\"/>\n";
  const std::size_t nodes_step = label_step(deal.counts.size(), frame.cell, 26);
  for (std::size_t node = 0; node < deal.counts.size(); node += nodes_step) {
    svg += text_at(frame.x(node), frame.bottom + 16, "class=\"tick\" text-anchor=\"middle\"",
                   std::to_string(node));
  }
  const std::size_t classes_step = label_step(deal.classes.size(), frame.cell, 14);
  for (std::size_t place = 0; place < deal.classes.size(); place += classes_step) {
    svg += text_at(frame.left - 8, frame.y(place) + 4, "class=\"tick\" text-anchor=\"end\"",
                   std::to_string(deal.classes[place]));
  }
  svg +=
      text_at((frame.left + frame.right) / 2, frame.bottom + 38, "text-anchor=\"middle\"", "node");
  const std::string middle = number((frame.top + frame.bottom) / 2);
  return svg + "<text transform=\"translate(18 " + middle +
         ") rotate(-90)\" text-anchor=\"middle\">class</text>\n";
}

std::string dots(const Deal& deal, const Frame& frame) {
  const std::uint64_t largest = deal.largest();
  std::string svg;
  for (std::size_t node = 0; node < deal.counts.size(); ++node) {
    for (std::size_t place = 0; place < deal.classes.size(); ++place) {
      const std::uint64_t count = deal.counts[node][place];
      if (count == 0) continue;
      const double radius = std::max(0.4, 0.46 * frame.cell * radius_part(count, largest));
      svg += "<circle cx=\"" + number(frame.x(node)) + "\" cy=\"" + number(frame.y(place)) +
             "\" r=\"" + number(radius) + "\" fill=\"" + kColours[place % kColours.size()] +
             "\"><title>node " + std::to_string(node) + ", class " +
             std::to_string(deal.classes[place]) + ": " + std::to_string(count) +
             " samples</title></circle>\n";
    }
  }
  return svg;
}

}  // namespace

std::size_t nodes_shown(const Deal& deal, int width) {
  const std::size_t columns = static_cast<std::size_t>(std::max(width, 0));
  const std::size_t room = columns > kLabelColumns + 2 ? (columns - kLabelColumns) / 2 : 1;
  return std::min(deal.counts.size(), room);
}

std::vector<std::string> chart_lines(const Deal& deal, int width, bool unicode) {
  const auto& dots = unicode ? kUnicodeDots : kAsciiDots;
  const std::size_t shown = nodes_shown(deal, width);
  const std::uint64_t largest = deal.largest();
  std::vector<std::string> lines;
  for (std::size_t place = deal.classes.size(); place-- > 0;) {
    std::string line = std::to_string(deal.classes[place]);
    line.insert(0, kLabelColumns - 1 - std::min(line.size(), kLabelColumns - 1), ' ');
    line += ' ';
    for (std::size_t node = 0; node < shown; ++node) {
      const std::uint64_t count = deal.counts[node][place];
      const double part = radius_part(count, largest);
      const auto size = static_cast<std::size_t>(std::ceil(part * (dots.size() - 1)));
      line += std::string(dots[std::min(size, dots.size() - 1)]) + " ";
    }
    lines.push_back(line);
  }
  // Every fifth node's number.
  std::string axis(kLabelColumns, ' ');
  for (std::size_t node = 0; node < shown; node += 5) {
    axis.resize(std::max(axis.size(), kLabelColumns + 2 * node), ' ');
    axis += std::to_string(node);
  }
  lines.push_back(axis);
  return lines;
}

std::string chart_svg(const Deal& deal, const std::string& title) {
  const Frame frame = frame_of(deal);
  // A title of any length has its room; its letters are about 8 wide.
  const double width =
      std::max(frame.right + 24, frame.left + 8.2 * static_cast<double>(title.size()));
  const double height = frame.bottom + 72;
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(width) +
                    " " + number(height) + "\" width=\"" + number(width) + "\" height=\"" +
                    number(height) +
                    "\" font-family=\"system-ui, 'Liberation Sans', sans-serif\" font-size=\"14\" "
                    "fill=\"#1b1f24\">\n<style>.tick { font-size: 11px; fill: #5b6470; }</style>\n"
                    "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  svg += text_at(frame.left, 28, "font-weight=\"600\"", title);
  svg += axes(deal, frame) + dots(deal, frame);
  svg += text_at(frame.left, frame.bottom + 60, "class=\"tick\"",
                 "The largest dot: " + std::to_string(deal.largest()) +
                     " samples; a dot's area is their number.");
  return svg + "</svg>\n";
}

std::string chart_html(const Deal& deal, const std::string& title) {
  return "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>" +
         escaped(title) +
         "</title>\n<style>body { margin: 24px; } svg { max-width: 100%; height: auto; }</style>"
         "</head>\n<body>\n" +
         chart_svg(deal, title) + "</body>\n</html>\n";
}

}  // namespace skiptrain::ctl
