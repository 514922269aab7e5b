#include "ctl/sim/toml_reader.h"

#include <charconv>
#include <cmath>
#include <sstream>
#include <utility>

#include "ctl/files.h"

namespace skiptrain::ctl {
namespace {

constexpr double kMaxSeconds = 7 * 24 * 3600.0;

std::string shown(double value) {
  std::ostringstream text;
  text << value;
  return std::move(text).str();
}

// Also "200us" and "0", which the command line has no use for.
std::optional<Duration> parse_span(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !(value >= 0)) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  double seconds = 0;
  if (unit == "us") {
    seconds = value * 1e-6;
  } else if (unit == "ms") {
    seconds = value * 1e-3;
  } else if (unit == "s" || unit.empty()) {
    seconds = value;
  } else if (unit == "m") {
    seconds = value * 60;
  } else if (unit == "h") {
    seconds = value * 3600;
  } else {
    return std::nullopt;
  }
  if (seconds > kMaxSeconds) return std::nullopt;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

const toml::node* TomlReader::find(std::string_view key) {
  asked_.emplace(key);
  return table_.get(key);
}

void TomlReader::complain(std::string_view key, const std::string& what) {
  if (complaint_) return;
  const toml::node* node = table_.get(key);
  const auto line = (node != nullptr ? node->source() : table_.source()).begin.line;
  complaint_ = file_ + ":" + std::to_string(line) + ": " + std::string(key) + ": " + what;
}

std::optional<std::string> TomlReader::text(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (auto value = node->value_exact<std::string>()) return value;
  complain(key, "must be a text in quotes");
  return std::nullopt;
}

std::optional<bool> TomlReader::boolean(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (auto value = node->value_exact<bool>()) return value;
  complain(key, "must be true or false");
  return std::nullopt;
}

std::optional<double> TomlReader::number(std::string_view key, double least, double most) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto value = node->is_number() ? node->value<double>() : std::nullopt;
  if (value && *value >= least && *value <= most) return value;
  complain(key, "must be a number from " + shown(least) + " to " + shown(most));
  return std::nullopt;
}

std::optional<std::uint64_t> TomlReader::count(std::string_view key, std::uint64_t most) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto value = node->value_exact<std::int64_t>();
  if (value && *value >= 0 && static_cast<std::uint64_t>(*value) <= most) {
    return static_cast<std::uint64_t>(*value);
  }
  complain(key, "must be an integer from 0 to " + std::to_string(most));
  return std::nullopt;
}

std::optional<Duration> TomlReader::duration(std::string_view key, Duration least) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  std::optional<Duration> value;
  if (const auto words = node->value_exact<std::string>()) value = parse_span(*words);
  if (node->is_number()) value = parse_span(shown(node->value<double>().value_or(-1)));
  if (value && *value >= least) return value;
  complain(key, least > Duration{} ? "must be a time above 0, as in \"3ms\" or \"12s\""
                                   : "must be a time, as in \"200us\", \"3ms\" or \"12s\"");
  return std::nullopt;
}

std::optional<std::uint32_t> TomlReader::position(const toml::node& node, std::size_t nodes) {
  const auto value = node.value_exact<std::int64_t>();
  if (!value || *value < 0 || static_cast<std::size_t>(*value) >= nodes) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

std::optional<std::vector<std::uint32_t>> TomlReader::positions(std::string_view key,
                                                                std::size_t nodes) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  std::vector<std::uint32_t> list;
  bool good = node->is_array();
  if (good) {
    for (const toml::node& entry : *node->as_array()) {
      const auto one = position(entry, nodes);
      good = good && one.has_value();
      if (one) list.push_back(*one);
    }
  }
  if (good) return list;
  complain(key, "must be a list of nodes, numbers from 0 to " + std::to_string(nodes - 1));
  return std::nullopt;
}

std::optional<std::vector<std::vector<std::uint32_t>>> TomlReader::groups(std::string_view key,
                                                                          std::size_t nodes) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  std::vector<std::vector<std::uint32_t>> lists;
  bool good = node->is_array();
  if (good) {
    for (const toml::node& group : *node->as_array()) {
      good = good && group.is_array();
      if (!good) break;
      lists.emplace_back();
      for (const toml::node& entry : *group.as_array()) {
        const auto one = position(entry, nodes);
        good = good && one.has_value();
        if (one) lists.back().push_back(*one);
      }
    }
  }
  if (good) return lists;
  complain(key,
           "must be a list of lists of nodes, as in [[0, 1], [2, 3]], with numbers from 0 to " +
               std::to_string(nodes - 1));
  return std::nullopt;
}

std::vector<const toml::table*> TomlReader::tables(std::string_view key) {
  const toml::node* node = find(key);
  std::vector<const toml::table*> list;
  if (node == nullptr) return list;
  if (!node->is_array()) {
    complain(key, "must be given as [[" + std::string(key) + "]]");
    return list;
  }
  for (const toml::node& entry : *node->as_array()) {
    if (const toml::table* one = entry.as_table()) {
      list.push_back(one);
    } else {
      complain(key, "must be given as [[" + std::string(key) + "]]");
    }
  }
  return list;
}

const toml::table* TomlReader::table(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return nullptr;
  if (node->is_table()) return node->as_table();
  complain(key, "must be given as [" + std::string(key) + "]");
  return nullptr;
}

Status TomlReader::finish() {
  if (!complaint_) {
    for (const auto& [key, node] : table_) {
      if (asked_.contains(key.str())) continue;
      std::string allowed;
      for (const std::string& name : asked_) allowed += (allowed.empty() ? "" : ", ") + name;
      complain(key.str(), "unknown key; allowed are " + allowed);
      break;
    }
  }
  if (!complaint_) return {};
  return fail(ErrorCode::kInvalidArgument, *complaint_);
}

Result<toml::table> parse_toml_file(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  try {
    return toml::parse(*text, path);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::kInvalidArgument, path + ":" +
                                                 std::to_string(error.source().begin.line) + ": " +
                                                 std::string(error.description()));
  }
}

}  // namespace skiptrain::ctl
