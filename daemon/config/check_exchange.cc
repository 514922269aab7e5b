// The checks of [exchange] that take more than one key.
#include <string>

#include "core/topology/topology_spec.h"
#include "daemon/config/document.h"
#include "daemon/config/values.h"

namespace skiptrain::daemon {

void check_exchange(Document& document) {
  const Config& config = document.config;
  const Compression& compression = config.exchange.compression;
  if (document.is_set("exchange.consensus_step") && compression.step > 0.0 &&
      compression.is_none()) {
    document.complain("exchange.consensus_step",
                      "must be left out with exchange.compression = \"none\": an exact mix goes "
                      "all the way");
  }
  if (!compression.keeps_copies() || !document.is_set("cluster.topology")) return;
  const auto spec = core::parse_topology_spec(config.cluster.topology);
  if (!spec || spec->kind != core::TopologySpec::Kind::kEpidemic) return;
  document.complain(
      "exchange.compression",
      "must be none, bf16 or fp16 with cluster.topology = " + toml_string(config.cluster.topology) +
          ": differences are of use to those who have what was sent before, and "
          "there each round has receivers of its own");
}

}  // namespace skiptrain::daemon
