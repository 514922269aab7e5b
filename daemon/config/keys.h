// The table of all config keys: how each is read, shown and explained. Internal to this folder.
//
// A key knows nothing of TOML: it is handed a Value, already taken out of the file, and answers
// with what the value must be if it is not that.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/config/config.h"

namespace skiptrain::daemon {

// What stands at a key. std::monostate: a kind that no key takes (a date, a table, mixed lists).
using Value =
    std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                 std::vector<double>, std::vector<std::string>>;

// What a value must be; nullopt if it is that.
using Complaint = std::optional<std::string>;

template <typename T>
struct Key {
  std::string path;  // "run.rounds"; within a node's entry just "address"
  std::string meaning;
  std::function<Complaint(T&, const Value&)> read;
  std::function<std::optional<std::string>(const T&)> show;  // as TOML; nullopt: not set
  bool required = false;
  bool live = false;
  bool secret = false;  // must not leave the node: what it says gives access, or leads to it
  bool shared = false;  // part of run_fingerprint: equal on all nodes of a run
  // But not while it has its default, so that daemons from before there was this key, which do what
  // the default says, are of the same run.
  bool silent_default = false;
};

// In the order of the documentation. A key's path is "section.name".
const std::vector<Key<Config>>& config_keys();
// Those of [membership], to the end of `list`.
void append_membership(std::vector<Key<Config>>& list);
// Those of [data].
void append_data(std::vector<Key<Config>>& list);
// Those of [train], likewise.
void append_train(std::vector<Key<Config>>& list);
// Those of [exchange], likewise.
void append_exchange(std::vector<Key<Config>>& list);
// Of one entry of cluster.nodes.
const std::vector<Key<ClusterNode>>& cluster_node_keys();

}  // namespace skiptrain::daemon
