// The composition root: the one place that knows every room, and turns a config into the parts a
// driver runs. Loading is slow (data, model) and runs on a thread of its own while the control
// socket answers already.
#pragma once

#include <memory>

#include "base/error.h"
#include "base/ids.h"
#include "core/node.h"
#include "daemon/config/config.h"
#include "discovery/keyring.h"
#include "runtime/driver.h"

namespace skiptrain::daemon {

// What the core needs to know of the config. Energy per train round is known only to the machinery.
runtime::DriverOptions driver_options(const Config& config);

// The cluster's keys; null where nodes are listed in the config. Errors name the file and how to
// make one.
Result<std::shared_ptr<discovery::Keyring>> load_keyring(const Config& config);

// Loads the node's share of the data and its model, and makes trainer, transport and meter, and
// with a keyring the parts that find the cluster. Errors name the file or key at fault.
Result<runtime::Machinery> load_machinery(const Config& config, Incarnation incarnation,
                                          std::shared_ptr<const discovery::Keyring> keyring);

}  // namespace skiptrain::daemon
