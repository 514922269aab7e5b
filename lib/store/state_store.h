// A node's durable state: one folder with a SQLite database and the checkpoints that it names.
//
//   node.db                         identity, incarnation, runs, energy ledger, history
//   node.db-wal                     SQLite's write-ahead log; a part of the database
//   checkpoint-NUMBER.safetensors   models, numbered through all runs; two generations of a run
//
// The idea: the transaction that names a checkpoint also settles the energy of the round it
// contains and appends the history up to it, so that after a crash model, ledger and history are of
// one round. A checkpoint is written and synced before that transaction; one that no transaction
// names is a leftover of a crash and is deleted. An intent of an earlier process that was not
// settled is charged when its run is opened ("forfeited").
//
// A run is known by its id. Opening one that the database does not know starts it; the last
// kRunsKept runs stay, with their history and checkpoints. A run id with other settings than it was
// begun with is refused.
//
// Not thread-safe; calls block. Does not log: what an operator should read is handed back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/units.h"
#include "model/parameter_layout.h"
#include "model/parameters.h"
#include "ports/store.h"
#include "store/files.h"

namespace skiptrain::store {

class Database;

inline constexpr int kSchemaVersion = 1;
inline constexpr std::size_t kGenerationsKept = 2;
inline constexpr std::size_t kRunsKept = 8;

struct StoreOptions {
  std::string folder;  // exists
  NodeId node;
  std::string cluster_id;
  // Of an earlier layout of the folder or a state set aside: the new incarnation is above it.
  Incarnation last_incarnation;
  std::size_t history_limit = 100'000;  // newest rounds kept, and entries of the ledger
  int wal_pages = 1000;
};

struct RunIdentity {
  std::string id;
  Fingerprint fingerprint;  // of the settings that must not change within a run
  // As configured. A budget set during the run holds until this one is changed.
  std::optional<WattHours> budget;
};

// What the database knows of a run, before its model is read.
struct RecoveredRun {
  std::optional<Round> round;  // of the newest checkpoint; nullopt: the run has not begun
  WattHours spent;             // all that was charged, forfeited intents included
  std::uint64_t train_rounds = 0;
  // Charged for by an earlier process that died before it could save them; not to be trained again.
  std::vector<Round> forfeited;
  std::optional<WattHours> budget;  // the one in force
  std::vector<core::Directive> directives;
};

struct RecoveredModel {
  Round round;
  ParametersPtr parameters;
  std::string path;
  std::vector<ports::StoredRound> rounds;  // the history before `round`, oldest first
  std::vector<std::string> warnings;       // newer checkpoints that could not be used, and why
};

class StateStore final : public ports::Store {
 public:
  // Opens or makes the state in `options.folder`; the new incarnation is durable then.
  //   kMismatch            of another node or cluster, or written by a newer version
  //   kCorrupt             half-copied, or a damaged database
  //   kPreconditionFailed  another program has the database open
  //   kResourceExhausted, kUnavailable   cannot be written
  // The message says what to do.
  static Result<std::unique_ptr<StateStore>> open(Files& files, const StoreOptions& options);
  ~StateStore() override;

  Incarnation incarnation() const { return incarnation_; }

  // Call once, before anything below. kMismatch: begun with other settings. kCorrupt: none of the
  // checkpoints it names is there.
  Result<RecoveredRun> open_run(const RunIdentity& run);
  // The newest intact checkpoint; nullopt if the run has not begun. From here on `layout` is that
  // of the saved models. kCorrupt: checkpoints are there, but all damaged. kMismatch: of another
  // model.
  Result<std::optional<RecoveredModel>> load_model(const ParameterLayout& layout);

  Status record_intent(Round round, WattHours cost) override;
  Result<ports::WrittenCheckpoint> save(const ports::Progress& progress) override;
  Status save_evaluation(Round round, const ports::Evaluation& evaluation) override;
  Status save_directives(const std::vector<core::Directive>& directives) override;
  Status save_budget(std::optional<WattHours> budget) override;
  Status raise_incarnation(Incarnation incarnation) override;
  Status close() override;

 private:
  struct Intent {
    Round round;
    WattHours cost;
  };
  struct Generation {
    std::uint64_t number = 0;
    Round round;
  };

  StateStore(Files& files, StoreOptions options);

  Status start();
  Status check_files() const;
  Status delete_unnamed_files();
  std::string path_of(std::uint64_t number) const;
  Error refused(ErrorCode code, const std::string& why, const std::string& remedy) const;
  Status forget_after(Round round, const std::vector<Generation>& damaged);
  Result<std::vector<ports::StoredRound>> load_rounds();

  Files& files_;
  const StoreOptions options_;
  std::unique_ptr<Database> database_;
  std::optional<Error> broken_;  // a checkpoint's fsync failed
  Incarnation incarnation_;
  std::uint64_t last_number_ = 0;  // of the newest checkpoint named
  RunIdentity run_;
  std::optional<std::int64_t> run_key_;  // nullopt: not in the database yet
  std::vector<Generation> generations_;  // of this run, newest first
  std::optional<Intent> open_intent_;
  ParameterLayout layout_;
  std::size_t rounds_kept_ = 0;
  std::size_t ledger_entries_ = 0;
};

}  // namespace skiptrain::store
