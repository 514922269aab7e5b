// The port to what outlives a process: checkpoints, the energy ledger, the history of rounds.
//
// Of one node in one run. The order that keeps a budget from being overrun is the caller's to keep:
// the intent of a train round is recorded before it is trained, and the progress that contains that
// round is saved before the next intent is recorded. Between the two a crash leaves an intent that
// is not settled: it stays charged, and its round is not trained again.
//
// Calls block until what they were given is durable; one thread at a time. kResourceExhausted: the
// disk is full; nothing has changed, and the same call may succeed later. Any other error is final:
// what is on the disk is no longer known, every further call fails, and the daemon must end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/units.h"
#include "core/directive.h"
#include "core/effect.h"
#include "model/model_update.h"
#include "ports/trainer.h"

namespace skiptrain::ports {

struct StoredRound {
  core::RoundRecord record;
  std::optional<Evaluation> evaluation;  // of the model after the round; kept as its summary
};

// How the round of the open intent ended.
struct Settlement {
  WattHours energy;      // what it cost: measured, or the intent's estimate
  bool trained = false;  // false: it was charged, but failed
};

// What the rounds since the last saved progress left behind.
struct Progress {
  ModelUpdate state;                     // x(round), with every round before it in it
  std::vector<StoredRound> rounds;       // oldest first
  std::optional<Settlement> settlement;  // if there is an open intent
};

struct WrittenCheckpoint {
  Round round;
  std::string path;
};

class Store {
 public:
  virtual ~Store() = default;

  // At most one intent may be open.
  virtual Status record_intent(Round round, WattHours cost) = 0;
  // The checkpoint of `state`, the history and the settlement become durable together, or none.
  virtual Result<WrittenCheckpoint> save(const Progress& progress) = 0;
  // Adds an evaluation to a round saved before; no effect if it is no longer kept.
  virtual Status save_evaluation(Round round, const Evaluation& evaluation) = 0;
  // All directives of the run that are known here; they replace those saved before.
  virtual Status save_directives(const std::vector<core::Directive>& directives) = 0;
  // A budget set while the run is on, in place of the configured one. nullopt: no limit.
  virtual Status save_budget(std::optional<WattHours> budget) = 0;
  // This node counts as started so often; no lower than it was.
  virtual Status raise_incarnation(Incarnation incarnation) = 0;
  // After the last call: ends in order. Not calling it is a crash, which loses nothing saved.
  virtual Status close() = 0;
};

}  // namespace skiptrain::ports
