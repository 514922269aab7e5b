// The composition root: the one place that knows every room, and turns a config into the parts a
// driver runs. Loading is slow (data, model) and runs on a thread of its own while the control
// socket answers already.
#pragma once

#include "base/error.h"
#include "base/ids.h"
#include "core/node.h"
#include "daemon/config/config.h"
#include "runtime/driver.h"

namespace skiptrain::daemon {

// What the core needs to know of the config. Energy per train round is known only to the machinery.
runtime::DriverOptions driver_options(const Config& config);

// Loads the node's share of the data and its model, and makes trainer, transport and meter.
// Errors name the file or key at fault.
Result<runtime::Machinery> load_machinery(const Config& config, Incarnation incarnation);

}  // namespace skiptrain::daemon
