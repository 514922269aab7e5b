// The whole screen of a terminal for a while, by ncurses: drawn on, asked for keys, given back.
//
// The destructor restores the terminal as it was, the text on it too. One at a time, for one
// thread. Signals are the caller's affair: those that could end the process must be blocked
// meanwhile, or nobody restores the terminal.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "ctl/watch/picture.h"

namespace skiptrain::ctl {

class Terminal {
 public:
  // Of standard input and output. Null if they are no terminal that can be drawn on ($TERM is not
  // known, or lacks what is needed).
  static std::unique_ptr<Terminal> open(bool colour);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  std::size_t width() const;
  std::size_t height() const;
  bool utf8() const { return utf8_; }
  void draw(const std::vector<PictureLine>& lines);
  // The next key that was pressed; kNone if none waits or it means nothing here.
  WatchKey key();
  // After the window got another size.
  void resized();
  // Gives the terminal back until `resume`, for a stopped process.
  void suspend();
  void resume();

 private:
  struct Curses;
  explicit Terminal(std::unique_ptr<Curses> curses);
  std::unique_ptr<Curses> curses_;
  bool utf8_ = false;
};

}  // namespace skiptrain::ctl
