#include "ctl/watch/terminal.h"

#include <langinfo.h>
#include <ncurses.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <clocale>
#include <cstring>
#include <utility>

namespace skiptrain::ctl {
namespace {

constexpr int kEscapeDelayMs = 25;
constexpr short kGreen = 1;
constexpr short kYellow = 2;
constexpr short kRed = 3;

attr_t attributes(const Span& span, bool colour) {
  attr_t result = span.inverse ? A_REVERSE : A_NORMAL;
  const auto pair = [colour](short number, attr_t otherwise) -> attr_t {
    return colour ? static_cast<attr_t>(COLOR_PAIR(number)) : otherwise;
  };
  switch (span.style) {
    case Style::kPlain:
      return result;
    case Style::kBold:
      return result | A_BOLD;
    case Style::kDim:
      return result | A_DIM;
    case Style::kGood:
      return result | pair(kGreen, A_NORMAL);
    case Style::kWarn:
      return result | pair(kYellow, A_NORMAL);
    case Style::kBad:
      return result | pair(kRed, A_BOLD);
  }
  return result;
}

WatchKey meaning(int key) {
  switch (key) {
    case 'q':
    case 'Q':
      return WatchKey::kQuit;
    case KEY_LEFT:
    case '<':
    case 'h':
      return WatchKey::kLeft;
    case KEY_RIGHT:
    case '>':
    case 'l':
      return WatchKey::kRight;
    case 'r':
    case 'R':
      return WatchKey::kReverse;
    case KEY_UP:
    case 'k':
      return WatchKey::kUp;
    case KEY_DOWN:
    case 'j':
      return WatchKey::kDown;
    case KEY_PPAGE:
      return WatchKey::kPageUp;
    case KEY_NPAGE:
    case ' ':
      return WatchKey::kPageDown;
    case KEY_HOME:
    case 'g':
      return WatchKey::kHome;
    case KEY_END:
    case 'G':
      return WatchKey::kEnd;
    default:
      return WatchKey::kNone;
  }
}

}  // namespace

struct Terminal::Curses {
  SCREEN* screen = nullptr;
  bool colour = false;
};

std::unique_ptr<Terminal> Terminal::open(bool colour) {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) return nullptr;
  std::setlocale(LC_CTYPE, "");  // numbers keep their points
  auto curses = std::make_unique<Curses>();
  curses->screen = newterm(nullptr, stdout, stdin);
  if (curses->screen == nullptr) return nullptr;
  // Without these a screen cannot be drawn on in place.
  if (tigetstr(const_cast<char*>("cup")) == nullptr) {
    endwin();
    delscreen(curses->screen);
    return nullptr;
  }
  set_escdelay(kEscapeDelayMs);
  cbreak();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  curs_set(0);
  curses->colour = colour && has_colors() && start_color() == OK && use_default_colors() == OK;
  if (curses->colour) {
    init_pair(kGreen, COLOR_GREEN, -1);
    init_pair(kYellow, COLOR_YELLOW, -1);
    init_pair(kRed, COLOR_RED, -1);
  }
  std::unique_ptr<Terminal> terminal(new Terminal(std::move(curses)));
  terminal->utf8_ = std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  return terminal;
}

Terminal::Terminal(std::unique_ptr<Curses> curses) : curses_(std::move(curses)) {}

Terminal::~Terminal() {
  endwin();
  delscreen(curses_->screen);
}

std::size_t Terminal::width() const {
  return static_cast<std::size_t>(COLS);
}

std::size_t Terminal::height() const {
  return static_cast<std::size_t>(LINES);
}

void Terminal::draw(const std::vector<PictureLine>& lines) {
  erase();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    move(static_cast<int>(i), 0);
    for (const Span& span : lines[i]) {
      attrset(attributes(span, curses_->colour));
      addstr(span.text.c_str());
    }
  }
  refresh();
}

WatchKey Terminal::key() {
  for (int key = getch(); key != ERR; key = getch()) {
    if (const WatchKey meant = meaning(key); meant != WatchKey::kNone) return meant;
  }
  return WatchKey::kNone;
}

void Terminal::resized() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return;
  resizeterm(size.ws_row, size.ws_col);
  clearok(stdscr, TRUE);
}

void Terminal::suspend() {
  endwin();
}

void Terminal::resume() {
  clearok(stdscr, TRUE);
  refresh();
}

}  // namespace skiptrain::ctl
