#include "ctl/testbed/engine.h"

#include <algorithm>

#include "ctl/testbed/docker_engine.h"
#include "ctl/testbed/process_engine.h"

namespace skiptrain::ctl {

const Engine& engine_of(EngineKind kind) {
  static const ProcessEngine processes;
  static const DockerEngine docker;
  if (kind == EngineKind::kDocker) return docker;
  return processes;
}

Outcome<bool> is_live(const TestbedState& state) {
  const auto seen = engine_of(state.engine).look(state);
  if (!seen) return tl::unexpected(seen.error());
  return std::ranges::any_of(*seen, &Standing::running);
}

}  // namespace skiptrain::ctl
