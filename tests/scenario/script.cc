#include "tests/scenario/script.h"

#include <algorithm>
#include <sstream>

namespace skiptrain::scenario {
namespace {

constexpr std::string_view kSeparator = "----";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Command parse_command(const std::string& text, std::size_t line) {
  Command command{line, text, {}};
  std::istringstream in(text);
  for (std::string word; in >> word;) command.words.push_back(word);
  return command;
}

}  // namespace

Result<Script> parse_script(std::string_view text, const std::string& source) {
  const std::vector<std::string> lines = lines_of(text);
  Script script;
  std::size_t at = 0;
  while (at < lines.size()) {
    Block block;
    while (at < lines.size() && (lines[at].empty() || lines[at][0] == '#')) {
      block.preamble.push_back(lines[at++]);
    }
    if (at == lines.size()) {
      script.epilogue = block.preamble;
      break;
    }
    for (; at < lines.size() && lines[at] != kSeparator; ++at) {
      if (lines[at].empty()) {
        return fail(ErrorCode::kCorrupt, source + ":" + std::to_string(at + 1) +
                                             ": commands must be followed by a line \"----\"");
      }
      if (lines[at][0] != '#') block.commands.push_back(parse_command(lines[at], at + 1));
    }
    if (at == lines.size()) {
      return fail(ErrorCode::kCorrupt, source + ":" + std::to_string(at) +
                                           ": the last commands lack their line \"----\"");
    }
    for (++at; at < lines.size() && !lines[at].empty(); ++at) block.expected += lines[at] + "\n";
    script.blocks.push_back(std::move(block));
  }
  return script;
}

std::string print_script(const Script& script, const std::vector<std::string>& outputs) {
  std::string text;
  for (std::size_t i = 0; i < script.blocks.size(); ++i) {
    for (const std::string& line : script.blocks[i].preamble) text += line + "\n";
    for (const Command& command : script.blocks[i].commands) text += command.text + "\n";
    text += std::string(kSeparator) + "\n" + outputs[i];
  }
  for (const std::string& line : script.epilogue) text += line + "\n";
  return text;
}

std::string line_diff(const std::string& expected, const std::string& actual) {
  if (expected == actual) return "";
  const auto a = lines_of(expected);
  const auto b = lines_of(actual);
  // common[i][j]: length of the longest common subsequence of a[i..] and b[j..].
  std::vector<std::vector<std::size_t>> common(a.size() + 1,
                                               std::vector<std::size_t>(b.size() + 1, 0));
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      common[i][j] =
          a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::string diff;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      diff += "    " + a[i++] + "\n";
      ++j;
    } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
      diff += "  - " + a[i++] + "\n";
    } else {
      diff += "  + " + b[j++] + "\n";
    }
  }
  return diff;
}

}  // namespace skiptrain::scenario
