// A node's life with its store, as the driver leads it: intents before training, progress saved
// after it, sync rounds saved now and then. It notes what the store said was durable, so that after
// a crash what is found can be judged.
//
// Each violation is a sentence. The rules:
//   the state opens; the model is that of the last save that succeeded, or of the one under way
//   history, trained rounds and model are of one round
//   energy spent is at least what training has cost, and at most one round's more
//   a round that may have been trained, but is not in the model, is not to be trained again
//   directives and budget are the last saved, or those being saved
//   the incarnation has grown
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/state_store.h"
#include "tests/unit/store/fault_disk.h"

namespace skiptrain::store::testing {

inline constexpr const char* kFolder = "/state";
inline constexpr double kIntentWh = 2.0;
inline constexpr double kMeasuredWh = 1.5;

StoreOptions crash_options();
RunIdentity crash_run();
ParameterLayout crash_layout();
// What the model holds after `round` rounds: another in every round.
ParametersPtr crash_model(Round round);

class CrashScript {
 public:
  explicit CrashScript(FaultDisk& disk) : disk_(disk) {}

  // Opens the store, does rounds until `end`, closes it if `close`; until the first error but a
  // full disk's, as a daemon.
  void live(std::uint64_t end, bool close);
  // Opens the state once more, on a disk without faults, and judges it; then goes on two rounds.
  std::vector<std::string> judge();

  // Whether the last life ended over an error: what it left must be judged before the next.
  bool died() const { return died_; }
  // The last save that succeeded was of this round.
  std::optional<Round> saved() const { return saved_; }
  std::uint64_t refused_by_full_disk() const { return refused_by_full_disk_; }

 private:
  // False if the daemon would end over it.
  bool goes_on(const Status& status);
  bool intends(Round round);
  bool save();
  bool save_settings(Round round);
  void check_model(const std::optional<RecoveredModel>& model, std::vector<std::string>& wrong);
  void check_energy(const RecoveredRun& run, std::vector<std::string>& wrong) const;

  FaultDisk& disk_;
  std::unique_ptr<StateStore> store_;
  bool died_ = false;
  std::uint64_t refused_by_full_disk_ = 0;
  std::uint64_t incarnation_ = 0;
  Round round_;

  std::optional<Round> saved_;
  std::optional<Round> saving_;     // begun, and not known to have failed or succeeded
  std::optional<Round> intent_;     // recorded and not settled
  std::optional<Round> intending_;  // not known to be recorded
  std::vector<Round> trained_;
  std::vector<Round> forfeited_;             // charged and lost in earlier lives
  std::vector<ports::StoredRound> pending_;  // rounds since the last save
  bool settles_ = false;                     // the next save settles intent_
  std::vector<std::vector<core::Directive>> directives_ = {{}};  // those that may be found
  std::vector<std::optional<WattHours>> budgets_ = {WattHours(9)};
};

}  // namespace skiptrain::store::testing
