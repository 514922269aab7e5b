// Text for people: tables, field lists, units, and a block that is redrawn in place on a terminal.
//
// A Screen is where output goes, so that tests read it from a string. Colour and redrawing are
// properties of the screen; everything here works without either. Not thread-safe.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "core/schedule.h"

namespace skiptrain::ctl {

struct Screen {
  std::ostream& out;
  std::ostream& err;
  bool colour = false;        // of out
  bool terminal = false;      // out can be redrawn
  bool err_terminal = false;  // err can be redrawn
  int width = 80;             // columns of the terminal
};

// stdout and stderr of this process; no colour if NO_COLOR is set (https://no-color.org).
Screen process_screen();

enum class Style { kPlain, kBold, kDim, kGood, kWarn, kBad };

struct Cell {
  // Implicit: a cell is mostly just its text.
  Cell(std::string text = "", Style style = Style::kPlain) : text(std::move(text)), style(style) {}
  Cell(const char* text, Style style = Style::kPlain) : text(text), style(style) {}
  std::string text;
  Style style;
};

using Row = std::vector<Cell>;

// Columns as wide as their widest cell, two spaces apart. A title that begins with '>' makes its
// column right-aligned (numbers).
class Table {
 public:
  explicit Table(std::vector<std::string> titles);
  // Short rows are filled up with empty cells; cells beyond the last column are an own bug.
  void add(Row row);
  // One string per line, the titles first, without line ends.
  std::vector<std::string> lines(bool colour) const;
  void print(Screen& screen) const;

 private:
  std::vector<std::string> titles_;
  std::vector<bool> right_;
  std::vector<Row> rows_;
};

// "name   value" lines, values aligned.
void print_fields(Screen& screen, const std::vector<std::pair<std::string, Cell>>& fields);

std::string styled(const Cell& cell, bool colour);

// Redraws lines in place on a terminal; elsewhere does nothing (callers print lines of their own).
class LiveBlock {
 public:
  LiveBlock(std::ostream& out, int width) : out_(out), width_(width) {}
  // Replaces what the last call drew. Lines are cut at the terminal's width: a wrapped line would
  // break the count of lines to go up. They must be plain text.
  void draw(const std::vector<std::string>& lines);

 private:
  std::ostream& out_;
  int width_;
  std::size_t drawn_ = 0;
};

// All of these write "-" for NaN.
std::string fixed(double value, int decimals);
std::string percent(double fraction);         // 0.6342 -> "63.42 %"
std::string watt_hours(double wh);            // five significant digits, "0.0065329 Wh"
std::string bytes_text(std::uint64_t bytes);  // "1.2 MB" (powers of ten)
std::string seconds_text(double seconds);     // "12 ms", "1.2 s", "3 min 4 s", "2 h 5 min"

// Of energy against training in every round: "50.00 %". A measured cost can come out above it,
// which is no saving: "none, 3.20 % more was spent".
std::string saved_text(double fraction);

std::string schedule_text(const core::Schedule& schedule);  // "skiptrain 4/4", "dpsgd"

}  // namespace skiptrain::ctl
