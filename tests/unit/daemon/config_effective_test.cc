#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "daemon/config/effective.h"
#include "daemon/config/keys.h"
#include "tests/unit/daemon/config_fixture.h"

namespace skiptrain::daemon {
namespace {

EffectiveSetting find(const std::vector<EffectiveSetting>& settings, const std::string& path) {
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const auto& setting) { return setting.path == path; });
  return found == settings.end() ? EffectiveSetting{} : *found;
}

TEST(EffectiveSettingsTest, NamesEveryKeyWithItsValue) {
  const Config config = parse_config(kValidToml, kFile).value();
  const auto settings = effective_settings(config);
  for (const Key<Config>& key : config_keys()) {
    EXPECT_EQ(find(settings, key.path).path, key.path);
  }
  EXPECT_EQ(find(settings, "run.rounds").value, "80");
  EXPECT_FALSE(find(settings, "run.rounds").is_default);
  EXPECT_EQ(find(settings, "train.batch_size").value, "32");
  EXPECT_TRUE(find(settings, "train.batch_size").is_default);
  EXPECT_EQ(find(settings, "energy.budget_wh").value, std::nullopt);
  EXPECT_EQ(find(settings, "cluster.nodes[1].address").value, "\"127.0.0.1:7403\"");
}

TEST(EffectiveSettingsTest, DoesNotTellWhatLeadsToKeys) {
  Config config = parse_config(kValidToml, kFile).value();
  config.membership.keyring = "/somewhere/secret";
  const auto settings = effective_settings(config);
  const EffectiveSetting keyring = find(settings, "membership.keyring");
  EXPECT_TRUE(keyring.removed);
  for (const EffectiveSetting& setting : settings) {
    EXPECT_EQ(setting.value.value_or("").find("/somewhere"), std::string::npos) << setting.path;
  }
}

}  // namespace
}  // namespace skiptrain::daemon
