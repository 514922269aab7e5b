#include "store/tables.h"

#include <sqlite3.h>

#include <charconv>
#include <chrono>
#include <limits>
#include <string>
#include <variant>

#include "store/database.h"

namespace skiptrain::store::tables {
namespace {

// NaN is NULL in SQLite, and back.
constexpr const char* kSchema = R"(
CREATE TABLE node (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  node_id INTEGER NOT NULL,
  cluster_id TEXT NOT NULL,
  incarnation INTEGER NOT NULL,
  in_use INTEGER NOT NULL,        -- 1 from opening to closing in order: a WAL belongs to it
  last_checkpoint INTEGER NOT NULL
);
CREATE TABLE run (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  fingerprint INTEGER NOT NULL,
  begun_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  spent_wh REAL NOT NULL DEFAULT 0,
  train_rounds INTEGER NOT NULL DEFAULT 0,
  intent_round INTEGER,           -- of the open intent, not in spent_wh
  intent_wh REAL,
  budget_set INTEGER NOT NULL DEFAULT 0,
  budget_wh REAL,                 -- if set: NULL is no limit
  configured_wh REAL              -- what it was set in place of
);
CREATE TABLE directive (
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  position INTEGER NOT NULL,
  lamport INTEGER NOT NULL,
  origin INTEGER NOT NULL,
  effective INTEGER NOT NULL,
  policy TEXT,                    -- of a schedule, with its two lengths
  gamma_train INTEGER,
  gamma_sync INTEGER,
  learning_rate REAL,
  run_order TEXT,                 -- run, pause, stop
  PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE TABLE checkpoint (
  number INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  round INTEGER NOT NULL
);
CREATE TABLE ledger (
  entry INTEGER PRIMARY KEY AUTOINCREMENT,
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  round INTEGER NOT NULL,
  intent_wh REAL NOT NULL,
  charged_wh REAL NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('trained', 'failed', 'forfeited'))
);
CREATE INDEX ledger_of_run ON ledger (run, entry);
CREATE TABLE round (
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  round INTEGER NOT NULL,
  train_slot INTEGER NOT NULL,
  trained INTEGER NOT NULL,
  loss REAL,
  energy_wh REAL NOT NULL,
  train_ns INTEGER NOT NULL,
  wait_ns INTEGER NOT NULL,
  mix_ns INTEGER NOT NULL,
  round_ns INTEGER NOT NULL,
  neighbours_mixed INTEGER NOT NULL,
  missing TEXT NOT NULL,          -- ids, with spaces between
  deadline_hit INTEGER NOT NULL,
  consensus_distance REAL,
  caught_up INTEGER NOT NULL,
  test_loss REAL,
  accuracy REAL,                  -- NULL: the task has none
  test_samples INTEGER,           -- NULL: not evaluated
  test_ns INTEGER,
  PRIMARY KEY (run, round)
) WITHOUT ROWID;
)";

std::string text_of(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId node : nodes) text += (text.empty() ? "" : " ") + to_string(node);
  return text;
}

std::vector<NodeId> nodes_of(const std::string& text) {
  std::vector<NodeId> nodes;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    std::uint64_t id = 0;
    const auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc()) break;
    nodes.emplace_back(id);
    at = next < end ? next + 1 : next;
  }
  return nodes;
}

double number(const SQLite::Column& column) {
  return column.isNull() ? std::numeric_limits<double>::quiet_NaN() : column.getDouble();
}

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kTrained:
      return "trained";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kForfeited:
      break;
  }
  return "forfeited";
}

std::size_t count(SQLite::Database& db, const char* sql, std::int64_t run) {
  SQLite::Statement statement(db, sql);
  statement.bind(1, run);
  statement.executeStep();
  return static_cast<std::size_t>(statement.getColumn(0).getInt64());
}

void drop(SQLite::Database& db, const char* sql, std::int64_t run, std::int64_t argument) {
  SQLite::Statement statement(db, sql);
  statement.bind(1, run);
  statement.bind(2, argument);
  statement.exec();
}

}  // namespace

void create(SQLite::Database& db, int schema_version) {
  db.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
  db.exec("PRAGMA user_version = " + std::to_string(schema_version));
  db.exec(kSchema);
}

void put_round(SQLite::Database& db, std::int64_t run, const ports::StoredRound& stored) {
  const core::RoundRecord& r = stored.record;
  SQLite::Statement insert(
      db,
      "INSERT OR REPLACE INTO round (run, round, train_slot, trained, loss, energy_wh, train_ns, "
      "wait_ns, mix_ns, round_ns, neighbours_mixed, missing, deadline_hit, consensus_distance, "
      "caught_up) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  int at = 0;
  insert.bind(++at, run);
  insert.bind(++at, to_sql(r.round.value()));
  insert.bind(++at, r.train_slot ? 1 : 0);
  insert.bind(++at, r.trained ? 1 : 0);
  insert.bind(++at, r.loss);
  insert.bind(++at, r.energy.value());
  insert.bind(++at, static_cast<std::int64_t>(r.train_time.count()));
  insert.bind(++at, static_cast<std::int64_t>(r.wait_time.count()));
  insert.bind(++at, static_cast<std::int64_t>(r.mix_time.count()));
  insert.bind(++at, static_cast<std::int64_t>(r.round_time.count()));
  insert.bind(++at, r.neighbours_mixed);
  insert.bind(++at, text_of(r.missing));
  insert.bind(++at, r.deadline_hit ? 1 : 0);
  insert.bind(++at, r.consensus_distance);
  insert.bind(++at, r.caught_up ? 1 : 0);
  insert.exec();
  if (stored.evaluation) put_evaluation(db, run, r.round, *stored.evaluation);
}

// Its summary alone; a parameter that is not bound is NULL.
void put_evaluation(SQLite::Database& db, std::int64_t run, Round round,
                    const ports::Evaluation& evaluation) {
  SQLite::Statement update(db,
                           "UPDATE round SET test_loss = ?, accuracy = ?, test_samples = ?, "
                           "test_ns = ? WHERE run = ? AND round = ?");
  update.bind(1, evaluation.loss);
  if (evaluation.accuracy) update.bind(2, *evaluation.accuracy);
  update.bind(3, to_sql(evaluation.samples));
  update.bind(4, static_cast<std::int64_t>(evaluation.duration.count()));
  update.bind(5, run);
  update.bind(6, to_sql(round.value()));
  update.exec();
}

std::vector<ports::StoredRound> rounds(SQLite::Database& db, std::int64_t run) {
  SQLite::Statement query(
      db,
      "SELECT round, train_slot, trained, loss, energy_wh, train_ns, wait_ns, mix_ns, round_ns, "
      "neighbours_mixed, missing, deadline_hit, consensus_distance, caught_up, test_loss, "
      "accuracy, test_samples, test_ns FROM round WHERE run = ? ORDER BY round");
  query.bind(1, run);
  std::vector<ports::StoredRound> result;
  while (query.executeStep()) {
    ports::StoredRound& stored = result.emplace_back();
    core::RoundRecord& r = stored.record;
    int at = 0;
    const auto next = [&] { return query.getColumn(at++); };
    r.round = Round(from_sql(next()));
    r.train_slot = next().getInt() != 0;
    r.trained = next().getInt() != 0;
    r.loss = number(next());
    r.energy = WattHours(next().getDouble());
    r.train_time = Duration(next().getInt64());
    r.wait_time = Duration(next().getInt64());
    r.mix_time = Duration(next().getInt64());
    r.round_time = Duration(next().getInt64());
    r.neighbours_mixed = next().getUInt();
    r.missing = nodes_of(next().getString());
    r.deadline_hit = next().getInt() != 0;
    r.consensus_distance = number(next());
    r.caught_up = next().getInt() != 0;
    const double test_loss = number(next());
    const auto accuracy = next();
    if (const auto samples = next(); !samples.isNull()) {
      ports::Evaluation& evaluation = stored.evaluation.emplace();
      evaluation.loss = test_loss;
      if (!accuracy.isNull()) evaluation.accuracy = accuracy.getDouble();
      evaluation.samples = from_sql(samples);
      evaluation.duration = Duration(next().getInt64());
    }
  }
  return result;
}

std::size_t count_rounds(SQLite::Database& db, std::int64_t run) {
  return count(db, "SELECT COUNT(*) FROM round WHERE run = ?", run);
}

void drop_oldest_rounds(SQLite::Database& db, std::int64_t run, std::size_t how_many) {
  drop(db,
       "DELETE FROM round WHERE run = ?1 AND round IN "
       "(SELECT round FROM round WHERE run = ?1 ORDER BY round LIMIT ?2)",
       run, to_sql(how_many));
}

void drop_rounds_from(SQLite::Database& db, std::int64_t run, Round first) {
  drop(db, "DELETE FROM round WHERE run = ? AND round >= ?", run, to_sql(first.value()));
}

void settle(SQLite::Database& db, std::int64_t run, const Charge& charge) {
  SQLite::Statement insert(
      db, "INSERT INTO ledger (run, round, intent_wh, charged_wh, outcome) VALUES (?, ?, ?, ?, ?)");
  insert.bind(1, run);
  insert.bind(2, to_sql(charge.round.value()));
  insert.bind(3, charge.intended.value());
  insert.bind(4, charge.charged.value());
  insert.bind(5, name_of(charge.outcome));
  insert.exec();
  SQLite::Statement update(db,
                           "UPDATE run SET spent_wh = spent_wh + ?, train_rounds = train_rounds + "
                           "?, intent_round = NULL, intent_wh = NULL WHERE key = ?");
  update.bind(1, charge.charged.value());
  update.bind(2, charge.outcome == Outcome::kTrained ? 1 : 0);
  update.bind(3, run);
  update.exec();
}

std::vector<Round> forfeited_from(SQLite::Database& db, std::int64_t run, Round first) {
  SQLite::Statement query(db,
                          "SELECT DISTINCT round FROM ledger WHERE run = ? AND round >= ? AND "
                          "outcome = 'forfeited' ORDER BY round");
  query.bind(1, run);
  query.bind(2, to_sql(first.value()));
  std::vector<Round> result;
  while (query.executeStep()) result.emplace_back(from_sql(query.getColumn(0)));
  return result;
}

namespace {

void bind_order(SQLite::Statement& insert, const core::DirectiveOrder& order) {
  if (const auto* schedule = std::get_if<core::Schedule>(&order)) {
    insert.bind(6, std::string(core::to_string(schedule->policy)));
    insert.bind(7, schedule->gamma_train);
    insert.bind(8, schedule->gamma_sync);
  } else if (const auto* rate = std::get_if<core::LearningRate>(&order)) {
    insert.bind(9, rate->value);
  } else {
    insert.bind(10, core::to_string(std::get<core::RunOrder>(order)));
  }
}

// Of the columns from `policy` on. Throws if they say nothing that is known.
core::DirectiveOrder order_of(SQLite::Statement& query, int policy) {
  if (const auto name = query.getColumn(policy); !name.isNull()) {
    if (const auto parsed = core::parse_policy(name.getString())) {
      return core::Schedule{*parsed, query.getColumn(policy + 1).getUInt(),
                            query.getColumn(policy + 2).getUInt()};
    }
  } else if (const auto rate = query.getColumn(policy + 3); !rate.isNull()) {
    return core::LearningRate{rate.getDouble()};
  } else {
    const std::string text = query.getColumn(policy + 4).getString();
    for (const auto order : {core::RunOrder::kRun, core::RunOrder::kPause, core::RunOrder::kStop}) {
      if (text == core::to_string(order)) return order;
    }
  }
  throw SQLite::Exception("a directive in it orders nothing", SQLITE_CORRUPT);
}

}  // namespace

void put_directives(SQLite::Database& db, std::int64_t run,
                    const std::vector<core::Directive>& directives) {
  drop(db, "DELETE FROM directive WHERE run = ? AND position >= ?", run, 0);
  SQLite::Statement insert(db, "INSERT INTO directive VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const core::Directive& directive : directives) {
    insert.clearBindings();
    insert.bind(1, run);
    insert.bind(2, position++);
    insert.bind(3, to_sql(directive.stamp.lamport));
    insert.bind(4, to_sql(directive.stamp.origin.value()));
    insert.bind(5, to_sql(directive.effective.value()));
    bind_order(insert, directive.order);
    insert.exec();
    insert.reset();
  }
}

std::vector<core::Directive> directives(SQLite::Database& db, std::int64_t run) {
  SQLite::Statement query(
      db,
      "SELECT lamport, origin, effective, policy, gamma_train, gamma_sync, "
      "learning_rate, run_order FROM directive WHERE run = ? ORDER BY position");
  query.bind(1, run);
  std::vector<core::Directive> result;
  while (query.executeStep()) {
    result.push_back({{from_sql(query.getColumn(0)), NodeId(from_sql(query.getColumn(1)))},
                      Round(from_sql(query.getColumn(2))),
                      order_of(query, 3)});
  }
  return result;
}

std::size_t count_charges(SQLite::Database& db, std::int64_t run) {
  return count(db, "SELECT COUNT(*) FROM ledger WHERE run = ?", run);
}

void drop_oldest_charges(SQLite::Database& db, std::int64_t run, std::size_t how_many) {
  drop(db,
       "DELETE FROM ledger WHERE run = ?1 AND entry IN "
       "(SELECT entry FROM ledger WHERE run = ?1 ORDER BY entry LIMIT ?2)",
       run, to_sql(how_many));
}

namespace {

std::vector<std::uint64_t> numbers(SQLite::Statement& query) {
  std::vector<std::uint64_t> result;
  while (query.executeStep()) result.push_back(from_sql(query.getColumn(0)));
  return result;
}

}  // namespace

std::vector<std::uint64_t> drop_old_checkpoints(SQLite::Database& db, std::int64_t run,
                                                std::size_t keep) {
  SQLite::Statement query(
      db, "SELECT number FROM checkpoint WHERE run = ? ORDER BY number DESC LIMIT -1 OFFSET ?");
  query.bind(1, run);
  query.bind(2, to_sql(keep));
  const auto dropped = numbers(query);
  for (const std::uint64_t number : dropped) {
    drop(db, "DELETE FROM checkpoint WHERE run = ? AND number = ?", run, to_sql(number));
  }
  return dropped;
}

std::vector<std::uint64_t> drop_old_runs(SQLite::Database& db, std::size_t keep) {
  constexpr const char* kOld = "(SELECT key FROM run ORDER BY key DESC LIMIT -1 OFFSET ?)";
  SQLite::Statement query(
      db, std::string("SELECT number FROM checkpoint WHERE run IN ") + kOld + " ORDER BY number");
  query.bind(1, to_sql(keep));
  const auto dropped = numbers(query);
  SQLite::Statement remove(db, std::string("DELETE FROM run WHERE key IN ") + kOld);
  remove.bind(1, to_sql(keep));
  remove.exec();
  return dropped;
}

}  // namespace skiptrain::store::tables
