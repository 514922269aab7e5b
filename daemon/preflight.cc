#include "daemon/preflight.h"

#include <array>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "transport/listen_address.h"

namespace skiptrain::daemon {
namespace {

// The key that node.listen was taken from, where the file does not set it.
std::string peers_listener_key(const Config& config) {
  if (config.node.listen != config.self().address) return "node.listen";
  if (config.membership.enabled) return "node.address";
  return "cluster.nodes: address of node " + to_string(config.node.id);
}

}  // namespace

Status check_data_is_there(const Config& config) {
  namespace fs = std::filesystem;
  const DataSettings& data = config.data;
  const std::array<std::pair<const char*, const fs::path*>, 7> paths = {{
      {"data.directory", &data.directory},
      {"data.train_images", &data.train_images},
      {"data.train_labels", &data.train_labels},
      {"data.test_images", &data.test_images},
      {"data.test_labels", &data.test_labels},
      {"data.train_file", &data.train_file},
      {"data.test_file", &data.test_file},
  }};
  for (const auto& [key, path] : paths) {
    std::error_code error;  // of a file that is there but may not be seen, its reader says more
    if (path->empty() || fs::status(*path, error).type() != fs::file_type::not_found) continue;
    return fail(ErrorCode::kNotFound, std::string(key) + " " + path->string() +
                                          ": there is no such file or folder; name one that is "
                                          "there (relative paths start at the config's folder)");
  }
  return {};
}

Status check_ports_are_free(const Config& config) {
  const std::array<std::pair<std::string, const std::string*>, 2> addresses = {{
      {peers_listener_key(config), &config.node.listen},
      {"metrics.listen", &config.metrics.listen},
  }};
  for (const auto& [key, text] : addresses) {
    if (text->empty()) continue;
    const auto address = transport::parse_listen_address(*text);
    if (!address) return fail(address.error().code, key + ": " + address.error().message);
    if (const Status free = transport::check_can_listen(*address); !free) {
      return fail(free.error().code, key + ": " + free.error().message);
    }
  }
  return {};
}

}  // namespace skiptrain::daemon
