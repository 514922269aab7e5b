#include "store/state_store.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "store/atomic_file.h"
#include "store/database.h"
#include "store/safetensors.h"
#include "store/tables.h"

namespace skiptrain::store {
namespace {

constexpr const char* kDatabaseName = "node.db";
constexpr const char* kWalName = "node.db-wal";
constexpr std::string_view kCheckpointStart = "checkpoint-";
constexpr std::string_view kCheckpointEnd = ".safetensors";
// Enough entries of the ledger to know every forfeited round that a checkpoint may lie before.
constexpr std::size_t kLeastLedgerEntries = 64;

std::string checkpoint_name(std::uint64_t number) {
  std::string digits = std::to_string(number);
  constexpr std::size_t kWidth = 8;
  if (digits.size() < kWidth) digits.insert(0, kWidth - digits.size(), '0');
  return std::string(kCheckpointStart) + digits + std::string(kCheckpointEnd);
}

std::optional<std::uint64_t> checkpoint_number(std::string_view name) {
  if (!name.starts_with(kCheckpointStart) || !name.ends_with(kCheckpointEnd)) return std::nullopt;
  name.remove_prefix(kCheckpointStart.size());
  name.remove_suffix(kCheckpointEnd.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

constexpr const char* kCopyAll =
    "copy the whole folder while no daemon runs on it, or move this state aside and begin the run "
    "again with --fresh";

}  // namespace

StateStore::StateStore(Files& files, StoreOptions options)
    : files_(files), options_(std::move(options)) {}

StateStore::~StateStore() = default;

std::string StateStore::path_of(std::uint64_t number) const {
  return options_.folder + "/" + checkpoint_name(number);
}

Error StateStore::refused(ErrorCode code, const std::string& why, const std::string& remedy) const {
  return {code, options_.folder + ": " + why + "; " + remedy};
}

// ---- Opening ---------------------------------------------------------------------------------

Result<std::unique_ptr<StateStore>> StateStore::open(Files& files, const StoreOptions& options) {
  std::unique_ptr<StateStore> store(new StateStore(files, options));
  if (Status started = store->start(); !started) return tl::unexpected<Error>(started.error());
  return store;
}

Status StateStore::start() {
  const std::string path = options_.folder + "/" + kDatabaseName;
  const auto wal = files_.exists(options_.folder + "/" + kWalName);
  if (!wal) return tl::unexpected<Error>(to_error(options_.folder, wal.error()));
  auto opened = Database::open(files_, path, options_.wal_pages);
  if (!opened) return tl::unexpected<Error>(opened.error());
  database_ = std::move(*opened);

  int application = 0;
  int schema = 0;
  bool empty = true;
  bool in_use = false;
  NodeId node;
  std::string cluster;
  Status looked = database_->read([&](SQLite::Database& db) {
    application = db.execAndGet("PRAGMA application_id").getInt();
    schema = db.execAndGet("PRAGMA user_version").getInt();
    empty = db.execAndGet("SELECT COUNT(*) FROM sqlite_schema").getInt() == 0;
    if (empty || application != tables::kApplicationId || schema != kSchemaVersion) return;
    SQLite::Statement query(
        db, "SELECT node_id, cluster_id, incarnation, in_use, last_checkpoint FROM node");
    if (!query.executeStep()) return;
    node = NodeId(from_sql(query.getColumn(0)));
    cluster = query.getColumn(1).getString();
    incarnation_ = Incarnation(from_sql(query.getColumn(2)));
    in_use = query.getColumn(3).getInt() != 0;
    last_number_ = from_sql(query.getColumn(4));
  });
  if (!looked) return looked;
  const auto refuse = [&](ErrorCode code, const std::string& why, const std::string& remedy) {
    return tl::unexpected<Error>(refused(code, why, remedy));
  };
  if (!empty) {
    if (application != tables::kApplicationId) {
      return refuse(ErrorCode::kMismatch, "node.db is a database of another program",
                    "name another node.data_dir");
    }
    if (schema > kSchemaVersion) {
      return refuse(ErrorCode::kMismatch,
                    "written by a newer skiptraind (schema " + std::to_string(schema) +
                        "; this one knows up to " + std::to_string(kSchemaVersion) + ")",
                    "install that version again, or name another node.data_dir");
    }
    if (node != options_.node) {
      return refuse(
          ErrorCode::kMismatch,
          "the state of node " + to_string(node) + ", not of node " + to_string(options_.node),
          "every node needs a node.data_dir of its own");
    }
    if (cluster != options_.cluster_id) {
      return refuse(ErrorCode::kMismatch,
                    "the state of a node of cluster \"" + cluster + "\", not of \"" +
                        options_.cluster_id + "\"",
                    "name another node.data_dir, or begin anew with --fresh");
    }
    if (in_use && !*wal) {
      return refuse(ErrorCode::kCorrupt,
                    "half-copied: node.db was in use, but its log node.db-wal is missing",
                    kCopyAll);
    }
  }
  if (Status sound = check_files(); !sound) return sound;

  incarnation_ = Incarnation(std::max(incarnation_.value(), options_.last_incarnation.value()) + 1);
  Status begun = database_->transact([&](SQLite::Database& db) {
    if (empty) tables::create(db, kSchemaVersion);
    SQLite::Statement put(db,
                          "INSERT INTO node VALUES (1, ?1, ?2, ?3, 1, ?4) ON CONFLICT (only) DO "
                          "UPDATE SET incarnation = ?3, in_use = 1");
    put.bind(1, to_sql(options_.node.value()));
    put.bind(2, options_.cluster_id);
    put.bind(3, to_sql(incarnation_.value()));
    put.bind(4, to_sql(last_number_));
    put.exec();
  });
  // The database file itself must say that it is in use, or a missing WAL would not be noticed.
  if (begun) begun = database_->flush_wal();
  if (!begun) return begun;
  return delete_unnamed_files();
}

// A crash leaves at most one checkpoint that the database does not name: the next one.
Status StateStore::check_files() const {
  const auto names = files_.list(options_.folder);
  if (!names) return tl::unexpected<Error>(to_error(options_.folder, names.error()));
  for (const std::string& name : *names) {
    const auto number = checkpoint_number(name);
    if (number && *number > last_number_ + 1) {
      return tl::unexpected<Error>(refused(
          ErrorCode::kCorrupt,
          "half-copied: " + name + " is newer than anything that node.db knows of", kCopyAll));
    }
  }
  return {};
}

// What a crash left: temp files, a checkpoint that no transaction names, one that none names any
// more.
Status StateStore::delete_unnamed_files() {
  std::set<std::uint64_t> named;
  Status looked = database_->read([&](SQLite::Database& db) {
    SQLite::Statement query(db, "SELECT number FROM checkpoint");
    while (query.executeStep()) named.insert(from_sql(query.getColumn(0)));
  });
  if (!looked) return looked;
  const auto names = files_.list(options_.folder);
  if (!names) return tl::unexpected<Error>(to_error(options_.folder, names.error()));
  for (const std::string& name : *names) {
    const auto number = checkpoint_number(name);
    const bool temp = name.starts_with(kCheckpointStart) && name.find(kTempMark) != name.npos;
    if (temp || (number && !named.contains(*number))) {
      // One that cannot be deleted takes room, and does no other harm.
      (void)files_.unlink(options_.folder + "/" + name);
    }
  }
  return {};
}

// ---- The run ---------------------------------------------------------------------------------

Result<RecoveredRun> StateStore::open_run(const RunIdentity& run) {
  run_ = run;
  RecoveredRun result;
  result.budget = run.budget;
  Fingerprint fingerprint;
  Status looked = database_->transact([&](SQLite::Database& db) {
    SQLite::Statement query(db,
                            "SELECT key, fingerprint, spent_wh, train_rounds, intent_round, "
                            "intent_wh, budget_set, budget_wh, configured_wh FROM run "
                            "WHERE id = ?");
    query.bind(1, run.id);
    if (!query.executeStep()) return;
    fingerprint = Fingerprint(from_sql(query.getColumn(1)));
    if (fingerprint != run.fingerprint) return;
    run_key_ = query.getColumn(0).getInt64();
    result.spent = WattHours(query.getColumn(2).getDouble());
    result.train_rounds = from_sql(query.getColumn(3));
    const auto limit = [&](int column) {
      const auto value = query.getColumn(column);
      return value.isNull() ? std::nullopt : std::optional(WattHours(value.getDouble()));
    };
    const bool budget_holds = query.getColumn(6).getInt() != 0 && limit(8) == run.budget;
    if (budget_holds) result.budget = limit(7);
    result.directives = tables::directives(db, *run_key_);
    if (!query.getColumn(4).isNull()) {
      const WattHours cost(query.getColumn(5).getDouble());
      const Round round(from_sql(query.getColumn(4)));
      tables::settle(db, *run_key_, {round, cost, cost, tables::Outcome::kForfeited});
      result.spent += cost;
    }
    SQLite::Statement named(
        db, "SELECT number, round FROM checkpoint WHERE run = ? ORDER BY number DESC");
    named.bind(1, *run_key_);
    while (named.executeStep()) {
      generations_.push_back({from_sql(named.getColumn(0)), Round(from_sql(named.getColumn(1)))});
    }
    const Round oldest = generations_.empty() ? Round(0) : generations_.back().round;
    result.forfeited = tables::forfeited_from(db, *run_key_, oldest);
    ledger_entries_ = tables::count_charges(db, *run_key_);
    rounds_kept_ = tables::count_rounds(db, *run_key_);
  });
  if (!looked) return tl::unexpected<Error>(looked.error());
  if (fingerprint != Fingerprint() && fingerprint != run.fingerprint) {
    return tl::unexpected<Error>(refused(
        ErrorCode::kMismatch, "run \"" + run.id + "\" was begun with other settings",
        "give the run another run.id, set the old settings again, or begin it again with --fresh"));
  }
  if (generations_.empty()) return result;
  result.round = generations_.front().round;
  for (const Generation& generation : generations_) {
    const auto there = files_.exists(path_of(generation.number));
    if (!there) return tl::unexpected<Error>(to_error(options_.folder, there.error()));
    if (*there) return result;
  }
  return tl::unexpected<Error>(refused(ErrorCode::kCorrupt,
                                       "half-copied: node.db names " +
                                           checkpoint_name(generations_.front().number) +
                                           ", which is not there",
                                       kCopyAll));
}

Result<std::optional<RecoveredModel>> StateStore::load_model(const ParameterLayout& layout) {
  layout_ = layout;
  if (generations_.empty()) return std::nullopt;
  RecoveredModel model;
  std::vector<Generation> damaged;
  for (const Generation& generation : generations_) {
    const std::string path = path_of(generation.number);
    auto file = read_safetensors(files_, path, &layout);
    if (!file && file.error().code == ErrorCode::kMismatch) {
      // An intact file of another model is no damage, and the one before it will be no better. But
      // damage in a header may look like it.
      const auto as_it_is = read_safetensors(files_, path);
      if (as_it_is && as_it_is->checksummed) return tl::unexpected<Error>(file.error());
    }
    std::string why;
    if (!file) {
      why = file.error().message;
    } else if (!file->checksummed) {
      why = path + ": damaged: it has lost its checksums";
    } else if (file->info.round != generation.round || file->info.run_id != run_.id) {
      why = path + ": is not the checkpoint that the database names so";
    } else {
      model.round = generation.round;
      model.parameters = std::move(file->parameters);
      model.path = path;
      break;
    }
    model.warnings.push_back(why);
    damaged.push_back(generation);
  }
  if (!model.parameters) {
    std::string all;
    for (const std::string& warning : model.warnings) all += (all.empty() ? "" : "; ") + warning;
    return fail(ErrorCode::kCorrupt, all + "; no checkpoint can be used: bring back a copy of " +
                                         options_.folder + ", or begin the run again with --fresh");
  }
  if (!damaged.empty()) {
    if (Status forgotten = forget_after(model.round, damaged); !forgotten) {
      return tl::unexpected<Error>(forgotten.error());
    }
  }
  auto rounds = load_rounds();
  if (!rounds) return tl::unexpected<Error>(rounds.error());
  model.rounds = std::move(*rounds);
  return model;
}

// The rounds from `round` on are done again, so their history goes. Their energy stays spent.
Status StateStore::forget_after(Round round, const std::vector<Generation>& damaged) {
  Status forgotten = database_->transact([&](SQLite::Database& db) {
    for (const Generation& generation : damaged) {
      SQLite::Statement remove(db, "DELETE FROM checkpoint WHERE number = ?");
      remove.bind(1, to_sql(generation.number));
      remove.exec();
    }
    tables::drop_rounds_from(db, *run_key_, round);
    rounds_kept_ = tables::count_rounds(db, *run_key_);
  });
  if (forgotten) generations_.erase(generations_.begin(), generations_.begin() + damaged.size());
  return forgotten;
}

Result<std::vector<ports::StoredRound>> StateStore::load_rounds() {
  std::vector<ports::StoredRound> rounds;
  Status loaded =
      database_->read([&](SQLite::Database& db) { rounds = tables::rounds(db, *run_key_); });
  if (!loaded) return tl::unexpected<Error>(loaded.error());
  return rounds;
}

// ---- Writing ---------------------------------------------------------------------------------

namespace {

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
