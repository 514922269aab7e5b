#include "ctl/render.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "base/check.h"

namespace skiptrain::ctl {
namespace {

constexpr int kFallbackWidth = 80;

// Code points, which is what a terminal shows for the scripts that node names are written in.
std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
  }));
}

const char* escape(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kBold:
      return "\033[1m";
    case Style::kDim:
      return "\033[2m";
    case Style::kGood:
      return "\033[32m";
    case Style::kWarn:
      return "\033[33m";
    case Style::kBad:
      return "\033[31m";
  }
  return "";
}

std::string format(const char* pattern, double value) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), pattern, value);
  return buffer.data();
}

void pad(std::string& line, std::size_t count) {
  line.append(count, ' ');
}

}  // namespace

Screen process_screen() {
  const bool out_tty = isatty(STDOUT_FILENO) == 1;
  const bool err_tty = isatty(STDERR_FILENO) == 1;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term != nullptr && std::string(term) == "dumb";
  winsize size{};
  int width = kFallbackWidth;
  if (ioctl(out_tty ? STDOUT_FILENO : STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    width = size.ws_col;
  }
  return Screen{.out = std::cout,
                .err = std::cerr,
                .colour = out_tty && !dumb && (no_color == nullptr || *no_color == '\0'),
                .terminal = out_tty && !dumb,
                .err_terminal = err_tty && !dumb,
                .width = width};
}

std::string styled(const Cell& cell, bool colour) {
  if (!colour || cell.style == Style::kPlain || cell.text.empty()) return cell.text;
  return escape(cell.style) + cell.text + "\033[0m";
}

Table::Table(std::vector<std::string> titles) : titles_(std::move(titles)) {
  for (std::string& title : titles_) {
    right_.push_back(title.starts_with('>'));
    if (right_.back()) title.erase(0, 1);
  }
}

void Table::add(Row row) {
  SKIPTRAIN_CHECK(row.size() <= titles_.size(), "a row has more cells than the table has columns");
  row.resize(titles_.size());
  rows_.push_back(std::move(row));
}

std::vector<std::string> Table::lines(bool colour) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < titles_.size(); ++c) {
    std::size_t width = display_width(titles_[c]);
    for (const Row& row : rows_) width = std::max(width, display_width(row[c].text));
    widths.push_back(width);
  }
  const auto render = [&](const Row& row) {
    std::string line;
    std::size_t owed = 0;  // spaces before the next text; none are left at the line's end
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::size_t gap = widths[c] - display_width(row[c].text);
      if (right_[c]) owed += gap;
      if (!row[c].text.empty()) {
        pad(line, owed);
        line += styled(row[c], colour);
        owed = 0;
      }
      owed += (right_[c] ? 0 : gap) + 2;
    }
    return line;
  };
  std::vector<std::string> result;
  Row header;
  for (const std::string& title : titles_) header.emplace_back(title, Style::kBold);
  result.push_back(render(header));
  for (const Row& row : rows_) result.push_back(render(row));
  return result;
}

void Table::print(Screen& screen) const {
  for (const std::string& line : lines(screen.colour)) screen.out << line << '\n';
}

void print_fields(Screen& screen, const std::vector<std::pair<std::string, Cell>>& fields) {
  std::size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, display_width(name));
  for (const auto& [name, value] : fields) {
    std::string label = name;
    pad(label, width - display_width(name) + 2);
    screen.out << styled(Cell(label, Style::kDim), screen.colour) << styled(value, screen.colour)
               << '\n';
  }
}

void LiveBlock::draw(const std::vector<std::string>& lines) {
  if (drawn_ > 0) out_ << "\033[" << drawn_ << "A";
  for (const std::string& line : lines) {
    out_ << "\r\033[K" << line.substr(0, static_cast<std::size_t>(std::max(1, width_ - 1))) << '\n';
  }
  // A shorter block leaves lines of the longer one behind it.
  out_ << "\033[J" << std::flush;
  drawn_ = lines.size();
}

std::string fixed(double value, int decimals) {
  if (std::isnan(value)) return "-";
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return buffer.data();
}

std::string percent(double fraction) {
  return std::isnan(fraction) ? "-" : fixed(fraction * 100.0, 2) + " %";
}

std::string watt_hours(double wh) {
  return std::isnan(wh) ? "-" : format("%.5g Wh", wh);
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  const char* unit = "";
  double value = static_cast<double>(bytes);
  for (const char* next : {"kB", "MB", "GB", "TB", "PB", "EB"}) {
    if (value < 999.95) break;
    value /= 1000.0;
    unit = next;
  }
  return format("%.1f ", value) + unit;
}

std::string seconds_text(double seconds) {
  if (std::isnan(seconds)) return "-";
  if (seconds < 0.9995) return format("%.0f ms", seconds * 1e3);
  if (seconds < 59.95) return format("%.1f s", seconds);
  const auto whole = static_cast<std::uint64_t>(seconds);
  if (whole < 3600) {
    return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  }
  return std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

std::string saved_text(double fraction) {
  constexpr double kShown = 5e-5;  // less rounds to 0.00 %: sums of floating-point numbers
  if (fraction <= -kShown) return "none, " + percent(-fraction) + " more was spent";
  return percent(fraction < 0.0 ? 0.0 : fraction);
}

std::string schedule_text(const core::Schedule& schedule) {
  std::string text(core::to_string(schedule.policy));
  if (!core::alternates(schedule.policy)) return text;
  return text + " " + std::to_string(schedule.gamma_train) + "/" +
         std::to_string(schedule.gamma_sync);
}

}  // namespace skiptrain::ctl
