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
    // What cannot be read now may be intact: to take the one before it would throw it away.
    if (!file && file.error().code == ErrorCode::kUnavailable) {
      return tl::unexpected<Error>(file.error());
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

}  // namespace skiptrain::store
