// What a StateStore writes; see state_store.cc for how it opens.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "store/database.h"
#include "store/safetensors.h"
#include "store/state_store.h"
#include "store/tables.h"

namespace skiptrain::store {
namespace {

// Enough entries of the ledger to know every forfeited round that a checkpoint may lie before.
constexpr std::size_t kLeastLedgerEntries = 64;

// The key of the run's row, which is made with the first thing that is written about the run.
std::int64_t row_of(SQLite::Database& db, std::optional<std::int64_t> known,
                    const RunIdentity& run) {
  if (known) return *known;
  SQLite::Statement insert(db, "INSERT INTO run (id, fingerprint) VALUES (?, ?)");
  insert.bind(1, run.id);
  insert.bind(2, to_sql(run.fingerprint.value()));
  insert.exec();
  return db.getLastInsertRowid();
}

}  // namespace

Status StateStore::record_intent(Round round, WattHours cost) {
  SKIPTRAIN_CHECK(!open_intent_, "the round before was saved before this one's intent");
  if (broken_) return tl::unexpected<Error>(*broken_);
  std::int64_t key = 0;
  Status recorded = database_->transact([&](SQLite::Database& db) {
    key = row_of(db, run_key_, run_);
    SQLite::Statement update(db, "UPDATE run SET intent_round = ?, intent_wh = ? WHERE key = ?");
    update.bind(1, to_sql(round.value()));
    update.bind(2, cost.value());
    update.bind(3, key);
    update.exec();
  });
  if (!recorded) return recorded;
  run_key_ = key;
  open_intent_ = Intent{round, cost};
  return {};
}

Result<ports::WrittenCheckpoint> StateStore::save(const ports::Progress& progress) {
  SKIPTRAIN_CHECK(!progress.settlement || open_intent_, "what is settled was intended");
  if (broken_) return tl::unexpected<Error>(*broken_);
  const std::uint64_t number = last_number_ + 1;
  const std::string path = path_of(number);
  const ModelFileInfo info{.round = progress.state.round,
                           .run_id = run_.id,
                           .extra = {{"node_id", to_string(options_.node)},
                                     {"cluster_id", options_.cluster_id},
                                     {"checkpoint", std::to_string(number)}}};
  Status written =
      write_safetensors(files_, path, layout_, progress.state.parameters->values(), info);
  if (!written) {
    if (written.error().code != ErrorCode::kResourceExhausted) broken_ = written.error();
    return tl::unexpected<Error>(written.error());
  }
  const std::size_t ledger_limit = std::max(options_.history_limit, kLeastLedgerEntries);
  std::int64_t key = 0;
  std::size_t rounds = rounds_kept_ + progress.rounds.size();
  std::size_t entries = ledger_entries_;
  std::vector<std::uint64_t> dropped;
  Status committed = database_->transact([&](SQLite::Database& db) {
    key = row_of(db, run_key_, run_);
    SQLite::Statement put(db, "INSERT INTO checkpoint (number, run, round) VALUES (?, ?, ?)");
    put.bind(1, to_sql(number));
    put.bind(2, key);
    put.bind(3, to_sql(progress.state.round.value()));
    put.exec();
    SQLite::Statement last(db, "UPDATE node SET last_checkpoint = ?");
    last.bind(1, to_sql(number));
    last.exec();
    if (progress.settlement) {
      tables::settle(
          db, key,
          {open_intent_->round, open_intent_->cost, progress.settlement->energy,
           progress.settlement->trained ? tables::Outcome::kTrained : tables::Outcome::kFailed});
      ++entries;
    }
    for (const ports::StoredRound& round : progress.rounds) tables::put_round(db, key, round);
    if (rounds > options_.history_limit) {
      tables::drop_oldest_rounds(db, key, rounds - options_.history_limit);
      rounds = options_.history_limit;
    }
    if (entries > ledger_limit) {
      tables::drop_oldest_charges(db, key, entries - ledger_limit);
      entries = ledger_limit;
    }
    dropped = tables::drop_old_checkpoints(db, key, kGenerationsKept);
    if (!run_key_) {
      const auto of_old_runs = tables::drop_old_runs(db, kRunsKept);
      dropped.insert(dropped.end(), of_old_runs.begin(), of_old_runs.end());
    }
  });
  if (!committed) {
    if (committed.error().code == ErrorCode::kResourceExhausted) (void)files_.unlink(path);
    return tl::unexpected<Error>(committed.error());
  }
  run_key_ = key;
  last_number_ = number;
  rounds_kept_ = rounds;
  ledger_entries_ = entries;
  if (progress.settlement) open_intent_.reset();
  // Not deleted now, a file is at the next opening.
  for (const std::uint64_t old : dropped) (void)files_.unlink(path_of(old));
  return ports::WrittenCheckpoint{progress.state.round, path};
}

Status StateStore::save_evaluation(Round round, const ports::Evaluation& evaluation) {
  if (broken_) return tl::unexpected<Error>(*broken_);
  if (!run_key_) return {};
  return database_->transact(
      [&](SQLite::Database& db) { tables::put_evaluation(db, *run_key_, round, evaluation); });
}

Status StateStore::save_directives(const std::vector<core::Directive>& directives) {
  if (broken_) return tl::unexpected<Error>(*broken_);
  std::int64_t key = 0;
  Status saved = database_->transact([&](SQLite::Database& db) {
    key = row_of(db, run_key_, run_);
    tables::put_directives(db, key, directives);
  });
  if (saved) run_key_ = key;
  return saved;
}

Status StateStore::save_budget(std::optional<WattHours> budget) {
  if (broken_) return tl::unexpected<Error>(*broken_);
  std::int64_t key = 0;
  Status saved = database_->transact([&](SQLite::Database& db) {
    key = row_of(db, run_key_, run_);
    SQLite::Statement update(
        db, "UPDATE run SET budget_set = 1, budget_wh = ?, configured_wh = ? WHERE key = ?");
    const auto bind = [&](int at, std::optional<WattHours> limit) {
      if (limit) {
        update.bind(at, limit->value());
      } else {
        update.bind(at);
      }
    };
    bind(1, budget);
    bind(2, run_.budget);
    update.bind(3, key);
    update.exec();
  });
  if (saved) run_key_ = key;
  return saved;
}

Status StateStore::raise_incarnation(Incarnation incarnation) {
  if (broken_) return tl::unexpected<Error>(*broken_);
  const Incarnation next = std::max(incarnation_, incarnation);
  Status raised = database_->transact([&](SQLite::Database& db) {
    SQLite::Statement update(db, "UPDATE node SET incarnation = ?");
    update.bind(1, to_sql(next.value()));
    update.exec();
  });
  if (raised) incarnation_ = next;
  return raised;
}

Status StateStore::close() {
  if (broken_) return tl::unexpected<Error>(*broken_);
  Status closed =
      database_->transact([&](SQLite::Database& db) { db.exec("UPDATE node SET in_use = 0"); });
  if (closed) closed = database_->close();
  return closed;
}

}  // namespace skiptrain::store
