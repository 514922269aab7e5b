// The tables of a node's database, and the statements that more than one function needs. Every
// function runs within a transaction or read of Database and may throw SQLite::Exception. Inside
// lib/store only.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/ids.h"
#include "base/units.h"
#include "ports/store.h"

namespace skiptrain::store::tables {

// In the file's header (PRAGMA application_id): "SkTr".
inline constexpr int kApplicationId = 0x536b5472;

void create(SQLite::Database& db, int schema_version);

// ---- The history: one row per round ----

void put_round(SQLite::Database& db, std::int64_t run, const ports::StoredRound& round);
void put_evaluation(SQLite::Database& db, std::int64_t run, Round round,
                    const ports::Evaluation& evaluation);
std::vector<ports::StoredRound> rounds(SQLite::Database& db, std::int64_t run);
std::size_t count_rounds(SQLite::Database& db, std::int64_t run);
void drop_oldest_rounds(SQLite::Database& db, std::int64_t run, std::size_t count);
void drop_rounds_from(SQLite::Database& db, std::int64_t run, Round first);

// ---- The ledger: an entry per charge; its sums are in the run's row ----

enum class Outcome {
  kTrained,
  kFailed,     // charged, and the training failed
  kForfeited,  // charged, and the process died before the round was saved
};
struct Charge {
  Round round;
  WattHours intended;
  WattHours charged;
  Outcome outcome = Outcome::kTrained;
};

// Closes the open intent: adds the entry and its energy, and counts the round if it was trained.
void settle(SQLite::Database& db, std::int64_t run, const Charge& charge);
std::vector<Round> forfeited_from(SQLite::Database& db, std::int64_t run, Round first);
std::size_t count_charges(SQLite::Database& db, std::int64_t run);
void drop_oldest_charges(SQLite::Database& db, std::int64_t run, std::size_t count);

// ---- Directives: all that are known of the run ----

void put_directives(SQLite::Database& db, std::int64_t run,
                    const std::vector<core::Directive>& directives);
std::vector<core::Directive> directives(SQLite::Database& db, std::int64_t run);

// ---- Checkpoints and runs ----

// Drops all but the newest `keep` checkpoints of the run; returns the numbers of those dropped.
std::vector<std::uint64_t> drop_old_checkpoints(SQLite::Database& db, std::int64_t run,
                                                std::size_t keep);
// Drops all but the newest `keep` runs with all that is theirs; returns their checkpoints' numbers.
std::vector<std::uint64_t> drop_old_runs(SQLite::Database& db, std::size_t keep);

}  // namespace skiptrain::store::tables
