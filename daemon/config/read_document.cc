// TOML to keys. The only file here that knows toml++.
#include <algorithm>
#include <sstream>
#include <utility>

#include <toml++/toml.h>

#include "daemon/config/document.h"
#include "daemon/config/keys.h"
#include "daemon/config/values.h"

namespace skiptrain::daemon {
namespace {

constexpr std::size_t kMaxShownValueBytes = 80;

int line_of(const toml::node& node) {
  return std::max(1, static_cast<int>(node.source().begin.line));
}

// The value as TOML on one line, shortened.
std::string text_of(const toml::node& node) {
  if (node.is_table()) return "{...}";
  std::string text;
  if (const auto string = node.value_exact<std::string>()) {
    text = toml_string(*string);
  } else if (const auto number = node.value_exact<double>()) {
    text = number_text(*number);  // 0.1, not all of its digits
  } else {
    std::ostringstream out;
    out << toml::toml_formatter(node);
    text = out.str();
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (text.size() > kMaxShownValueBytes) text = text.substr(0, kMaxShownValueBytes) + "...";
  return text;
}

Value strings_of(const toml::array& array) {
  std::vector<std::string> items;
  for (const toml::node& item : array) {
    auto text = item.value_exact<std::string>();
    if (!text) return std::monostate{};
    items.push_back(*std::move(text));
  }
  return items;
}

// Whole numbers only if all are.
Value numbers_of(const toml::array& array) {
  std::vector<std::int64_t> wholes;
  std::vector<double> reals;
  for (const toml::node& item : array) {
    const auto whole = item.value_exact<std::int64_t>();
    const auto real = item.value_exact<double>();
    if (!whole && !real) return std::monostate{};
    if (whole) wholes.push_back(*whole);
    reals.push_back(whole ? static_cast<double>(*whole) : *real);
  }
  if (wholes.size() == reals.size()) return wholes;
  return reals;
}

Value value_of(const toml::node& node) {
  if (const auto flag = node.value_exact<bool>()) return *flag;
  if (const auto whole = node.value_exact<std::int64_t>()) return *whole;
  if (const auto real = node.value_exact<double>()) return *real;
  if (auto string = node.value_exact<std::string>()) return std::move(*string);
  if (const toml::array* array = node.as_array()) {
    if (!array->empty() && (*array)[0].is_string()) return strings_of(*array);
    return numbers_of(*array);
  }
  return std::monostate{};
}

std::string section_of(std::string_view path) {
  return std::string(path.substr(0, path.find('.')));
}
std::string name_of(std::string_view path) {
  return std::string(path.substr(path.find('.') + 1));
}

// "; did you mean X?", or nothing if nothing is near.
std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view found = nearest(word, candidates);
  return found.empty() ? "" : "; did you mean \"" + std::string(found) + "\"?";
}

class Reader {
 public:
  explicit Reader(Document& document) : document_(document) {
    for (const Key<Config>& key : config_keys()) {
      const std::string section = section_of(key.path);
      if (sections_.empty() || sections_.back() != section) sections_.push_back(section);
    }
  }

  void read(const toml::table& root) {
    nodes_are_listed_ = !root["membership"]["enabled"].value_or(false);
    for (const auto& [name, node] : root) {
      if (std::find(sections_.begin(), sections_.end(), name.str()) == sections_.end()) {
        const std::vector<std::string_view> known(sections_.begin(), sections_.end());
        report(line_of(node),
               (node.is_table() ? "[" + std::string(name.str()) + "]" : std::string(name.str())) +
                   ": unknown " + (node.is_table() ? "table" : "key") +
                   suggestion(name.str(), known));
      } else if (!node.is_table()) {
        report(line_of(node), std::string(name.str()) + " = " + text_of(node) +
                                  ": must be a table, written [" + std::string(name.str()) + "]");
      }
    }
    for (const std::string& section : sections_) {
      const toml::node* node = root.get(section);
      const toml::table* table = node != nullptr ? node->as_table() : nullptr;
      if (node != nullptr && table == nullptr) continue;
      document_.lines[section] = table != nullptr ? line_of(*table) : 1;
      read_section(section, table);
    }
  }

 private:
  void report(int line, std::string message) {
    document_.problems.push_back({line, std::move(message)});
  }

  void read_section(const std::string& section, const toml::table* table) {
    const bool has_nodes = section == "cluster";
    std::vector<std::string_view> known;
    for (const Key<Config>& key : config_keys()) {
      if (section_of(key.path) != section) continue;
      const auto [inner, name] = split(key.path.substr(section.size() + 1));
      if (inner.empty()) {
        known.push_back(std::string_view(key.path).substr(section.size() + 1));
        read_key(key, key.path, table != nullptr ? table->get(name) : nullptr, document_.config);
      } else {
        read_inner(key, section, inner, name, table, known);
      }
    }
    if (has_nodes) known.push_back("nodes");
    if (table != nullptr) refuse_unknown(section, *table, known);
    if (!has_nodes) return;
    const toml::node* nodes = table != nullptr ? table->get("nodes") : nullptr;
    if (nodes_are_listed_) {
      read_nodes(nodes);
    } else if (nodes != nullptr) {
      report(
          line_of(*nodes),
          "cluster.nodes: must be left out with membership.enabled = true: nodes find each other "
          "through membership.join or multicast");
    }
  }

  // "augment.flip" is the key flip of a table augment; the first part is empty if there is none.
  static std::pair<std::string, std::string> split(const std::string& name) {
    const std::size_t dot = name.find('.');
    if (dot == std::string::npos) return {"", name};
    return {name.substr(0, dot), name.substr(dot + 1)};
  }

  // A key of a table within the section, written { ... } or [section.table].
  void read_inner(const Key<Config>& key, const std::string& section, const std::string& inner,
                  const std::string& name, const toml::table* table,
                  std::vector<std::string_view>& known) {
    const bool is_first = std::ranges::find(known, inner) == known.end();
    // Views into the key's path, which outlives the reading.
    if (is_first)
      known.push_back(std::string_view(key.path).substr(section.size() + 1, inner.size()));
    const toml::node* node = table != nullptr ? table->get(inner) : nullptr;
    const toml::table* inner_table = node != nullptr ? node->as_table() : nullptr;
    const std::string path = section + "." + inner;
    if (is_first && node != nullptr && inner_table == nullptr) {
      report(line_of(*node),
             path + " = " + text_of(*node) + ": must be a table, such as { " + name + " = ... }");
    }
    if (is_first && inner_table != nullptr) {
      std::vector<std::string_view> names;
      for (const Key<Config>& other : config_keys()) {
        if (other.path.starts_with(path + ".")) {
          names.push_back(std::string_view(other.path).substr(path.size() + 1));
        }
      }
      refuse_unknown(path, *inner_table, names);
    }
    document_.lines[path] = inner_table != nullptr ? line_of(*inner_table) : 1;
    read_key(key, key.path, inner_table != nullptr ? inner_table->get(name) : nullptr,
             document_.config);
  }

  template <typename T>
  void read_key(const Key<T>& key, const std::string& path, const toml::node* node, T& owner) {
    if (node == nullptr) {
      if (key.required) document_.complain_of_missing(path, key.meaning);
      return;
    }
    document_.lines[path] = line_of(*node);
    const std::string text = text_of(*node);
    if (const Complaint complaint = key.read(owner, value_of(*node))) {
      report(line_of(*node), path + " = " + text + ": must be " + *complaint);
    } else {
      document_.places[path] = {line_of(*node), text};
    }
  }

  void refuse_unknown(const std::string& prefix, const toml::table& table,
                      const std::vector<std::string_view>& known) {
    for (const auto& [name, node] : table) {
      if (std::find(known.begin(), known.end(), name.str()) != known.end()) continue;
      std::string hint = suggestion(name.str(), known);
      for (const Key<Config>& key : config_keys()) {
        if (name_of(key.path) != name.str()) continue;
        hint = "; it belongs in [" + section_of(key.path) + "]";
      }
      report(line_of(node), prefix + "." + std::string(name.str()) + ": unknown key" + hint);
    }
  }

  void read_nodes(const toml::node* node) {
    const toml::array* entries = node != nullptr ? node->as_array() : nullptr;
    if (entries == nullptr || entries->empty() || entries->size() > kMaxClusterNodes ||
        !entries->is_array_of_tables()) {
      report(node != nullptr ? line_of(*node) : 1, "cluster.nodes: must be 1 to " +
                                                       std::to_string(kMaxClusterNodes) +
                                                       " tables, each written [[cluster.nodes]]");
      return;
    }
    const std::size_t problems_before = document_.problems.size();
    std::vector<std::string_view> known;
    for (const Key<ClusterNode>& key : cluster_node_keys()) known.push_back(key.path);
    for (std::size_t i = 0; i < entries->size(); ++i) {
      const toml::table& entry = *(*entries)[i].as_table();
      const std::string prefix = "cluster.nodes[" + std::to_string(i) + "]";
      ClusterNode& target = document_.config.cluster.nodes.emplace_back();
      document_.lines[prefix] = line_of(entry);
      for (const Key<ClusterNode>& key : cluster_node_keys()) {
        read_key(key, prefix + "." + key.path, entry.get(key.path), target);
      }
      refuse_unknown(prefix, entry, known);
    }
    document_.nodes_are_good = document_.problems.size() == problems_before;
  }

  Document& document_;
  bool nodes_are_listed_ = true;
  std::vector<std::string> sections_;  // in the order of the key table
};

}  // namespace

void Document::complain(std::string_view path, const std::string& what) {
  const auto place = places.find(path);
  if (place == places.end()) {
    problems.push_back({1, std::string(path) + ": " + what});
    return;
  }
  problems.push_back(
      {place->second.line, std::string(path) + " = " + place->second.text + ": " + what});
}

void Document::complain_of_missing(const std::string& path, const std::string& meaning) {
  const int line = lines.find(path.substr(0, path.rfind('.')))->second;
  problems.push_back({line, path + ": must be set (" + meaning + ")"});
}

void read_document(std::string_view toml, Document& document) {
  try {
    Reader(document).read(toml::parse(toml, document.file.string()));
  } catch (const toml::parse_error& error) {
    document.problems.push_back({std::max(1, static_cast<int>(error.source().begin.line)),
                                 "not TOML: " + std::string(error.description())});
  }
}

}  // namespace skiptrain::daemon
