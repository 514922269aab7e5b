// The life of a daemon: control socket first, then loading, then rounds, until a signal.
//
//   SIGTERM, SIGINT  tell the neighbours, stop within 10 s, exit 0
//   SIGHUP           read the config again; all of it is checked before any of it applies
//
// Threads: `run` occupies the caller's; loading has its own; the driver and gRPC bring theirs.
#pragma once

#include <string>

#include "base/error.h"
#include "daemon/config/config.h"

namespace skiptrain::daemon {

struct StartOptions {
  bool fresh = false;           // the run begins again; its old state is moved aside
  std::string from_checkpoint;  // a run begins with this model; "": with a new one
};

// Runs until the daemon is told to end. An Error is why it could not start or go on.
Status run_daemon(Config config, const StartOptions& start);

}  // namespace skiptrain::daemon
