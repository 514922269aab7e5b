#include "daemon/config/effective.h"

#include <utility>

#include "daemon/config/keys.h"

namespace skiptrain::daemon {
namespace {

template <typename T>
EffectiveSetting setting_of(const Key<T>& key, const T& owner, const T& defaults,
                            const std::string& prefix) {
  EffectiveSetting setting{prefix + key.path, key.show(owner)};
  setting.is_default = !key.required && setting.value == key.show(defaults);
  if (key.secret && setting.value) {
    setting.value = std::nullopt;
    setting.removed = true;
  }
  return setting;
}

}  // namespace

std::vector<EffectiveSetting> effective_settings(const Config& config) {
  Config defaults;
  defaults.train.lr = TrainSettings::default_lr(config.train.optimizer);
  defaults.train.weight_decay = TrainSettings::default_weight_decay(config.train.optimizer);
  std::vector<EffectiveSetting> settings;
  for (const Key<Config>& key : config_keys()) {
    settings.push_back(setting_of(key, config, defaults, ""));
  }
  if (config.membership.enabled) return settings;
  for (std::size_t i = 0; i < config.cluster.nodes.size(); ++i) {
    const std::string prefix = "cluster.nodes[" + std::to_string(i) + "].";
    for (const Key<ClusterNode>& key : cluster_node_keys()) {
      settings.push_back(setting_of(key, config.cluster.nodes[i], ClusterNode{}, prefix));
    }
  }
  return settings;
}

}  // namespace skiptrain::daemon
