// The text of a scenario, cut into blocks: what happens, and what the core is expected to do.
//
//   # a comment, kept as it stands
//   <commands, one a line>
//   ----
//   <expected output, up to a blank line or the end>
//
// The manner is that of etcd raft's testdata. Parsing and printing are inverse, so a rewritten file
// differs only in the output.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace skiptrain::scenario {

// One line of a block: a word that says what, words that say whom, and key=value pairs.
struct Command {
  std::size_t line = 0;  // in the file, from 1
  std::string text;
  std::vector<std::string> words;
};

struct Block {
  std::vector<std::string> preamble;  // comments and blank lines before it, as they stand
  std::vector<Command> commands;
  std::string expected;  // lines, each ending in \n
};

struct Script {
  std::vector<Block> blocks;
  std::vector<std::string> epilogue;  // comments after the last block
};

// kCorrupt with `source`:LINE if commands are not followed by a line of four dashes.
Result<Script> parse_script(std::string_view text, const std::string& source);
// The file's text, with `outputs[i]` below the commands of block i.
std::string print_script(const Script& script, const std::vector<std::string>& outputs);

// A readable line-by-line difference, "- expected" and "+ actual"; "" if there is none.
std::string line_diff(const std::string& expected, const std::string& actual);

}  // namespace skiptrain::scenario
