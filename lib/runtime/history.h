// The newest rounds of this node, kept in memory and bounded in number.
//
// Thread-safe: the loop thread appends, control calls read and wait. The oldest record is dropped
// when the limit is reached.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "base/units.h"
#include "core/effect.h"
#include "ports/trainer.h"

namespace skiptrain::runtime {

struct RoundEntry {
  core::RoundRecord record;
  std::optional<ports::Evaluation> evaluation;  // of the model after the round
  std::uint64_t serial = 0;                     // counts appended records from 1, without gaps
};

// Of all records that were appended, also of those that are no longer kept.
struct RoundTotals {
  std::uint64_t train = 0;
  std::uint64_t train_failed = 0;  // began to train, and mixed its old model
  std::uint64_t sync = 0;          // mixed without training
  std::uint64_t caught_up = 0;     // jumps without training
};

class History {
 public:
  explicit History(std::size_t limit);

  std::size_t limit() const { return limit_; }
  void append(core::RoundRecord record);
  // Adds an evaluation to the record of `round`; no effect if it is no longer kept.
  void attach(Round round, const ports::Evaluation& evaluation);

  // The newest `count` entries (0: all), oldest first.
  std::vector<RoundEntry> newest(std::size_t count) const;
  // Entries after `serial`, oldest first, as soon as there are any; empty after `patience`, or once
  // `close` was called.
  std::vector<RoundEntry> wait_for_after(std::uint64_t serial, Duration patience) const;
  RoundTotals totals() const;
  // The newest round that trained, of those kept; nullopt if none did.
  std::optional<RoundEntry> newest_trained() const;
  // Median duration of the newest rounds (at most 32); zero before the first.
  Duration median_round_time() const;

  // Wakes all who wait, for good.
  void close();
  bool closed() const;

 private:
  std::vector<RoundEntry> after(std::uint64_t serial) const;  // mutex_ held

  const std::size_t limit_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<RoundEntry> entries_;
  std::uint64_t last_serial_ = 0;
  RoundTotals totals_;
  bool closed_ = false;
};

}  // namespace skiptrain::runtime
