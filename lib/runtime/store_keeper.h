// Keeps a run's state durable on a thread of its own, so that neither rounds nor control calls wait
// for a disk.
//
// What is committed is written in order: the checkpoint with a trained round at once, those of sync
// rounds at most once per interval, the newest for all before it. An intent waits for the
// checkpoint of the trained round before it, so at most one is open. While the disk is full,
// progress is kept in memory and tried again, and intents are refused. Any other error is final:
// `fatal` is called, and nothing is written any more.
//
// Thread-safe. Callbacks run on the keeper's thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "core/directive.h"
#include "core/effect.h"
#include "ports/store.h"

namespace skiptrain::runtime {

struct KeeperOptions {
  Duration interval = std::chrono::seconds(1);  // at least this between checkpoints of sync rounds
  std::size_t history_limit = 100'000;  // rounds kept in memory while they cannot be written
};

// What an operator may know of it.
struct StoreReport {
  std::optional<Round> round;  // of the newest durable checkpoint
  std::string path;
  std::optional<Instant> written;  // when; nullopt: by an earlier process
  std::string last_error;          // cleared by the next success
};

class StoreKeeper {
 public:
  // `durable`: the checkpoint that the run resumes from, if it does.
  StoreKeeper(std::unique_ptr<ports::Store> store, const KeeperOptions& options,
              std::optional<ports::WrittenCheckpoint> durable,
              std::function<void(const Error&)> fatal);
  // As `stop`.
  ~StoreKeeper();
  StoreKeeper(const StoreKeeper&) = delete;
  StoreKeeper& operator=(const StoreKeeper&) = delete;

  // The model that a run begins with; written at once.
  void begin(const ModelUpdate& state);
  // `recorded` hears whether the intent is durable; if not, the round must not be trained.
  void record_intent(Round round, WattHours cost, std::function<void(const Status&)> recorded);
  // The first after an intent contains its round.
  void commit(const core::RoundRecord& record, const ModelUpdate& state);
  void save_evaluation(Round round, const ports::Evaluation& evaluation);
  // `saved` hears when they are durable; never, if they cannot be written.
  void save_directives(std::vector<core::Directive> directives, std::function<void()> saved);
  void save_budget(std::optional<WattHours> budget);
  void raise_incarnation(Incarnation incarnation);

  // Writes what is committed now. kUnavailable once stopped.
  std::future<Result<ports::WrittenCheckpoint>> checkpoint();
  StoreReport report() const;

  // Writes what is left, closes the store and ends the thread. Idempotent.
  void stop();

 private:
  struct Intent {
    Round round;
    WattHours cost;
    std::function<void(const Status&)> recorded;
  };
  using Lock = std::unique_lock<std::mutex>;
  using Write = std::function<Status(ports::Store&)>;

  void run();
  bool has_work(Instant now) const;
  std::optional<Instant> next_due(Instant at) const;
  bool wants_save(Instant now) const;
  // The functions that take the lock give it up while they write.
  void save(Lock& lock);
  void write_settings(Lock& lock);
  void write_intent(Lock& lock);
  void answer_requests();
  Status note(const Status& status);  // remembers an error; a final one is handed to `fatal_`
  void enqueue(Write write);

  const std::unique_ptr<ports::Store> store_;
  const KeeperOptions options_;
  const std::function<void(const Error&)> fatal_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  ports::Progress pending_;   // since the last save; its state is the newest committed
  bool unsaved_ = false;      // pending_ holds something new
  bool urgent_ = false;       // to be written without waiting for the interval
  bool intent_open_ = false;  // recorded, or about to be; the next commit settles it
  std::optional<Intent> intent_;
  std::deque<Write> settings_;
  std::vector<std::promise<Result<ports::WrittenCheckpoint>>> requests_;
  std::optional<ports::WrittenCheckpoint> durable_;
  std::optional<Instant> written_;
  std::optional<Instant> retry_at_;  // the disk was full
  std::optional<Error> final_error_;
  std::string last_error_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace skiptrain::runtime
