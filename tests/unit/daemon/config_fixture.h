// A small valid config, and the edits that tests make to it.
#pragma once

#include <string>

#include "base/check.h"
#include "daemon/config/config.h"

namespace skiptrain::daemon {

// The line numbers of this text are part of the tests.
inline const std::string kValidToml = R"([node]
id = 1
data_dir = "/tmp/n1"
[cluster]
id = "c"
topology = "ring"
[[cluster.nodes]]
id = 7
address = "127.0.0.1:7407"
[[cluster.nodes]]
id = 1
address = "127.0.0.1:7401"
[[cluster.nodes]]
id = 3
address = "127.0.0.1:7403"
[run]
id = "r"
rounds = 80
[model]
name = "gn-lenet"
[data]
train_images = "ti"
train_labels = "tl"
test_images = "vi"
test_labels = "vl"
)";

inline constexpr const char* kFile = "/etc/skiptrain/node.toml";

// `kValidToml` with `from`, which it contains, replaced by `to`.
inline std::string edited(const std::string& from, const std::string& to,
                          std::string text = kValidToml) {
  const std::size_t at = text.find(from);
  SKIPTRAIN_CHECK(at != std::string::npos, "the text to replace is there");
  return text.replace(at, from.size(), to);
}

inline Result<Config> parse(const std::string& toml) {
  return parse_config(toml, kFile);
}

}  // namespace skiptrain::daemon
