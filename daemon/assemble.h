// The composition root: the one place that knows every room, and turns a config into the parts a
// driver runs. Loading is slow (data, model) and runs on a thread of its own while the control
// socket answers already.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "core/node.h"
#include "daemon/config/config.h"
#include "discovery/keyring.h"
#include "learn/script_file.h"
#include "runtime/driver.h"
#include "store/state_store.h"

namespace skiptrain::daemon {

// What the core needs to know of the config, and of the run so far. Energy per train round is known
// only to the machinery.
runtime::DriverOptions driver_options(const Config& config, const store::RecoveredRun& run);

// The cluster's keys; null where nodes are listed in the config. Errors name the file and how to
// make one.
Result<std::shared_ptr<discovery::Keyring>> load_keyring(const Config& config);

// Opens the state in `folder` and the config's run in it; `model_file` is what model.file names, or
// null. Errors say what to do.
struct OpenedState {
  std::unique_ptr<store::StateStore> store;
  store::RecoveredRun run;
};
Result<OpenedState> open_state(const Config& config, const learn::ScriptFilePtr& model_file,
                               const std::string& folder, Incarnation last_incarnation);

// Where the model comes from, besides the config.
struct ModelSource {
  learn::ScriptFilePtr file;    // what model.file names; null without it
  std::string from_checkpoint;  // of --from-checkpoint, or ""
  bool resumes = false;         // the run goes on, from a checkpoint in the store
};

// Loads the node's share of the data and its model, and makes trainer, transport and meter, and
// with a keyring the parts that find the cluster. The parameters are those of the newest checkpoint
// in `store`; if the run has not begun, those in `from_checkpoint`, or if this is "" x(0). Errors
// name the file or key at fault.
Result<runtime::Machinery> load_machinery(const Config& config,
                                          std::unique_ptr<store::StateStore> store,
                                          const ModelSource& source,
                                          std::shared_ptr<const discovery::Keyring> keyring);

}  // namespace skiptrain::daemon
