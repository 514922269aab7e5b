// Reads a TOML table key by key, and complains in the words of file, line and what is allowed.
//
// The first complaint sticks; the getters then return their defaults, so that a reader can ask for
// all its keys in a row and look at `finish()` once. Keys that nobody asked for are refused there.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "base/error.h"
#include "base/units.h"

namespace skiptrain::ctl {

class TomlReader {
 public:
  // `table` must outlive the reader. `file` is named in messages.
  TomlReader(const toml::table& table, std::string file) : table_(table), file_(std::move(file)) {}

  bool has(std::string_view key) const { return table_.contains(key); }
  std::optional<std::string> text(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  // An integer or a fraction within [least, most].
  std::optional<double> number(std::string_view key, double least, double most);
  std::optional<std::uint64_t> count(std::string_view key, std::uint64_t most);
  // "200us", "3ms", "12s", "2m" or a number of seconds; from 0 (or `least`) to a week.
  std::optional<Duration> duration(std::string_view key, Duration least = {});
  // Numbers of nodes, each below `nodes`.
  std::optional<std::vector<std::uint32_t>> positions(std::string_view key, std::size_t nodes);
  std::optional<std::vector<std::vector<std::uint32_t>>> groups(std::string_view key,
                                                                std::size_t nodes);
  // The tables of an array of tables; empty if the key is missing.
  std::vector<const toml::table*> tables(std::string_view key);
  const toml::table* table(std::string_view key);

  // Notes a complaint about `key`, or about the table as a whole if it is not there.
  void complain(std::string_view key, const std::string& what);
  // kInvalidArgument: the first complaint, else the first key that was not asked for.
  Status finish();

 private:
  const toml::node* find(std::string_view key);
  std::optional<std::uint32_t> position(const toml::node& node, std::size_t nodes);

  const toml::table& table_;
  std::string file_;
  std::set<std::string, std::less<>> asked_;
  std::optional<std::string> complaint_;
};

// kNotFound, or kInvalidArgument with file, line and what the parser expected.
Result<toml::table> parse_toml_file(const std::string& path);

}  // namespace skiptrain::ctl
