#include "runtime/store_keeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

namespace skiptrain::runtime {
namespace {

Instant now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

std::chrono::steady_clock::time_point on_clock(Instant instant) {
  return std::chrono::steady_clock::time_point(instant.time_since_epoch());
}

// A full disk is looked at again after this long.
constexpr Duration kRetry = std::chrono::seconds(1);

}  // namespace

StoreKeeper::StoreKeeper(std::unique_ptr<ports::Store> store, const KeeperOptions& options,
                         std::optional<ports::WrittenCheckpoint> durable,
                         std::function<void(const Error&)> fatal)
    : store_(std::move(store)),
      options_(options),
      fatal_(std::move(fatal)),
      durable_(std::move(durable)),
      thread_([this] { run(); }) {}

StoreKeeper::~StoreKeeper() {
  stop();
}

// ---- From other threads ----------------------------------------------------------------------

void StoreKeeper::begin(const ModelUpdate& state) {
  const std::lock_guard lock(mutex_);
  pending_.state = state;
  unsaved_ = urgent_ = true;
  changed_.notify_all();
}

void StoreKeeper::record_intent(Round round, WattHours cost,
                                std::function<void(const Status&)> recorded) {
  const std::lock_guard lock(mutex_);
  intent_ = Intent{round, cost, std::move(recorded)};
  changed_.notify_all();
}

void StoreKeeper::commit(const core::RoundRecord& record, const ModelUpdate& state) {
  const std::lock_guard lock(mutex_);
  pending_.state = state;
  pending_.rounds.push_back({record, std::nullopt});
  if (pending_.rounds.size() > options_.history_limit) {
    pending_.rounds.erase(pending_.rounds.begin());
  }
  if (intent_open_) {
    pending_.settlement = ports::Settlement{record.energy, record.trained};
    intent_open_ = false;
    urgent_ = true;
  }
  if (!std::exchange(unsaved_, true) || urgent_) changed_.notify_all();
}

void StoreKeeper::save_evaluation(Round round, const ports::Evaluation& evaluation) {
  {
    const std::lock_guard lock(mutex_);
    for (ports::StoredRound& stored : pending_.rounds) {
      if (stored.record.round != round) continue;
      stored.evaluation = evaluation;
      return;
    }
  }
  enqueue([=](ports::Store& store) { return store.save_evaluation(round, evaluation); });
}

void StoreKeeper::save_directives(std::vector<core::Directive> directives,
                                  std::function<void()> saved) {
  enqueue([all = std::move(directives), saved = std::move(saved)](ports::Store& store) {
    const Status written = store.save_directives(all);
    if (written) saved();
    return written;
  });
}

void StoreKeeper::save_budget(std::optional<WattHours> budget) {
  enqueue([budget](ports::Store& store) { return store.save_budget(budget); });
}

void StoreKeeper::raise_incarnation(Incarnation incarnation) {
  enqueue([incarnation](ports::Store& store) { return store.raise_incarnation(incarnation); });
}

void StoreKeeper::enqueue(Write write) {
  const std::lock_guard lock(mutex_);
  settings_.push_back(std::move(write));
  changed_.notify_all();
}

std::future<Result<ports::WrittenCheckpoint>> StoreKeeper::checkpoint() {
  const std::lock_guard lock(mutex_);
  std::promise<Result<ports::WrittenCheckpoint>> promise;
  auto result = promise.get_future();
  if (stopping_ || final_error_) {
    promise.set_value(final_error_ ? Result<ports::WrittenCheckpoint>(tl::unexpected(*final_error_))
                                   : fail(ErrorCode::kUnavailable, "the daemon is going down"));
    return result;
  }
  requests_.push_back(std::move(promise));
  retry_at_.reset();
  changed_.notify_all();
  return result;
}

StoreReport StoreKeeper::report() const {
  const std::lock_guard lock(mutex_);
  StoreReport report;
  if (durable_) report = {durable_->round, durable_->path, written_, ""};
  report.last_error = last_error_;
  return report;
}

void StoreKeeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    retry_at_.reset();
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

// ---- The keeper's thread ---------------------------------------------------------------------

void StoreKeeper::run() {
  Lock lock(mutex_);
  while (!stopping_ && !final_error_) {
    if (const Instant at = now(); !has_work(at)) {
      if (const auto due = next_due(at)) {
        changed_.wait_until(lock, on_clock(*due));
      } else {
        changed_.wait(lock);
      }
      continue;
    }
    if (wants_save(now())) save(lock);
    answer_requests();
    write_settings(lock);
    write_intent(lock);
  }
  if (!final_error_) {
    if (unsaved_) save(lock);
    write_settings(lock);
    // A disk that is full now has lost what was done last.
    if (unsaved_ || !settings_.empty()) fatal_({ErrorCode::kResourceExhausted, last_error_});
  }
  answer_requests();
  if (intent_) {
    const auto intent = std::exchange(intent_, std::nullopt);
    lock.unlock();
    intent->recorded(fail(ErrorCode::kUnavailable, "the daemon is going down"));
    lock.lock();
  }
  if (final_error_) return;
  lock.unlock();
  const Status closed = store_->close();
  lock.lock();
  (void)note(closed);
}

bool StoreKeeper::wants_save(Instant at) const {
  if (!unsaved_) return false;
  if (!requests_.empty()) return true;
  if (retry_at_ && at < *retry_at_) return false;
  return urgent_ || !written_ || at >= *written_ + options_.interval;
}

bool StoreKeeper::has_work(Instant at) const {
  const bool may_try = !retry_at_ || at >= *retry_at_;
  return wants_save(at) || !requests_.empty() || intent_ || (!settings_.empty() && may_try);
}

// When there will be work although nobody says so; later than `at`, when there is none.
std::optional<Instant> StoreKeeper::next_due(Instant at) const {
  std::optional<Instant> due;
  if (unsaved_) due = urgent_ || !written_ ? at : *written_ + options_.interval;
  if (!settings_.empty()) due = at;
  return due && retry_at_ ? std::max(*due, *retry_at_) : due;
}

void StoreKeeper::save(Lock& lock) {
  ports::Progress progress = std::move(pending_);
  pending_ = {.state = progress.state, .rounds = {}, .settlement = std::nullopt};
  unsaved_ = urgent_ = false;
  lock.unlock();
  const auto saved = store_->save(progress);
  lock.lock();
  if (saved) {
    (void)note({});
    durable_ = *saved;
    written_ = now();
    return;
  }
  (void)note(tl::unexpected(saved.error()));
  // Back before what was committed meanwhile.
  progress.rounds.insert(progress.rounds.end(), pending_.rounds.begin(), pending_.rounds.end());
  pending_.rounds = std::move(progress.rounds);
  if (progress.settlement) pending_.settlement = progress.settlement;
  unsaved_ = true;
  urgent_ = urgent_ || pending_.settlement.has_value() || !durable_;
}

void StoreKeeper::write_settings(Lock& lock) {
  while (!settings_.empty() && !final_error_) {
    const Write write = settings_.front();
    lock.unlock();
    const Status written = write(*store_);
    lock.lock();
    if (!note(written)) return;
    settings_.pop_front();
  }
}

void StoreKeeper::write_intent(Lock& lock) {
  if (!intent_) return;
  // The checkpoint of the trained round before must be there first.
  if (pending_.settlement && !final_error_ && !retry_at_) return;
  const Intent intent = *std::exchange(intent_, std::nullopt);
  if (final_error_ || pending_.settlement) {
    lock.unlock();
    intent.recorded(
        fail(ErrorCode::kResourceExhausted, "its energy cannot be recorded: " + last_error_));
    lock.lock();
    return;
  }
  intent_open_ = true;
  lock.unlock();
  const Status recorded = store_->record_intent(intent.round, intent.cost);
  lock.lock();
  if (!note(recorded)) intent_open_ = false;
  lock.unlock();
  intent.recorded(recorded);
  lock.lock();
}

void StoreKeeper::answer_requests() {
  if (requests_.empty()) return;
  Result<ports::WrittenCheckpoint> answer =
      fail(ErrorCode::kPreconditionFailed, "there is no committed model yet");
  if (unsaved_) {
    answer = fail(ErrorCode::kResourceExhausted, last_error_);
  } else if (durable_) {
    answer = *durable_;
  }
  if (final_error_) answer = tl::unexpected(*final_error_);
  for (auto& request : std::exchange(requests_, {})) request.set_value(answer);
}

Status StoreKeeper::note(const Status& status) {
  if (status) {
    last_error_.clear();
    retry_at_.reset();
    return status;
  }
  if (last_error_ != status.error().message) {
    spdlog::warn("the state cannot be written: {}", status.error().message);
  }
  last_error_ = status.error().message;
  if (status.error().code == ErrorCode::kResourceExhausted) {
    retry_at_ = now() + kRetry;
  } else if (!final_error_) {
    final_error_ = status.error();
    fatal_(*final_error_);
  }
  return status;
}

}  // namespace skiptrain::runtime
