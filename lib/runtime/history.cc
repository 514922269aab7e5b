#include "runtime/history.h"

#include <algorithm>
#include <utility>

namespace skiptrain::runtime {
namespace {

std::uint64_t& kind_of(const core::RoundRecord& record, RoundTotals& totals) {
  if (record.trained) return totals.train;
  // Only a training that was begun has taken time.
  if (record.train_time > Duration::zero()) return totals.train_failed;
  return record.caught_up ? totals.caught_up : totals.sync;
}

}  // namespace

History::History(std::size_t limit) : limit_(std::max<std::size_t>(limit, 1)) {}

void History::append(core::RoundRecord record) {
  {
    const std::lock_guard lock(mutex_);
    ++kind_of(record, totals_);
    entries_.push_back({std::move(record), std::nullopt, ++last_serial_});
    if (entries_.size() > limit_) entries_.pop_front();
  }
  changed_.notify_all();
}

void History::attach(Round round, const ports::Evaluation& evaluation) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_.rbegin(), entries_.rend(), round,
                                       [](const RoundEntry& entry) { return entry.record.round; });
  if (found != entries_.rend()) found->evaluation = evaluation;
}

std::vector<RoundEntry> History::newest(std::size_t count) const {
  const std::lock_guard lock(mutex_);
  const std::size_t skip = count == 0 || count >= entries_.size() ? 0 : entries_.size() - count;
  return {entries_.begin() + static_cast<std::ptrdiff_t>(skip), entries_.end()};
}

std::vector<RoundEntry> History::after(std::uint64_t serial) const {
  const auto first = std::ranges::upper_bound(entries_, serial, {}, &RoundEntry::serial);
  return {first, entries_.end()};
}

std::vector<RoundEntry> History::wait_for_after(std::uint64_t serial, Duration patience) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [&] { return closed_ || last_serial_ > serial; });
  return after(serial);
}

RoundTotals History::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

std::optional<RoundEntry> History::newest_trained() const {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find_if(entries_.rbegin(), entries_.rend(),
                           [](const RoundEntry& entry) { return entry.record.trained; });
  return found == entries_.rend() ? std::nullopt : std::optional(*found);
}

Duration History::median_round_time() const {
  constexpr std::size_t kWindow = 32;
  std::vector<Duration> times;
  for (const RoundEntry& entry : newest(kWindow)) times.push_back(entry.record.round_time);
  if (times.empty()) return Duration::zero();
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

void History::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

bool History::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace skiptrain::runtime
