#include "ctl/testbed/engine.h"

namespace skiptrain::ctl {

const Engine& engine_of(EngineKind kind) {
  return kind == EngineKind::kDocker ? docker_engine() : process_engine();
}

}  // namespace skiptrain::ctl
