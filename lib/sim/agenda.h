// What happens when, in virtual time: a priority queue of small typed entries. Inside lib/sim only.
//
// Entries come out by time, and among equal times in the order in which they went in; but timers
// come after everything else that is due at their time, so that a message is not late for having
// arrived exactly at a deadline. What is due at once goes through a queue, everything else through
// a 4-ary heap (half as deep as a binary one, four children in two cache lines). Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/check.h"
#include "base/units.h"

namespace skiptrain::sim {

enum class Happening : std::uint8_t {
  kParcel,         // a parcel arrives over a link that must not have broken since
  kNotice,         // a parcel arrives that survives a broken link, but not a restart
  kTick,           // a node wants to go on at once
  kTimer,          // a node's deadline
  kTrained,        // a node's training is done
  kMixed,          // a node's mix is done
  kBooted,         // a node has loaded its model
  kDial,           // a link is to be connected
  kDirectionFree,  // a link's direction has sent what was before in its queue
  kKeepalive,      // a link whose direction was cut may have to break
  kFetchTimeout,   // a node's state fetch may have waited too long
  kFault,          // a planned fault strikes
};

struct Entry {
  Instant when;
  std::uint64_t order = 0;  // set by the agenda
  std::uint32_t subject = 0;
  std::uint32_t payload = 0;
  std::uint32_t epoch = 0;  // of the subject, to tell whether it still concerns it
  Happening what = Happening::kTick;
};

class Agenda {
 public:
  explicit Agenda(Instant start = {}) : now_(start) {}

  Instant now() const { return now_; }
  bool empty() const { return heap_.empty() && at_once_.empty(); }
  std::size_t size() const { return heap_.size() + at_once_.size(); }

  // What is due in the past is due now.
  void push(Entry entry) {
    entry.order = ++pushed_;
    if (entry.when <= now_) {
      entry.when = now_;
      at_once_.push_back(entry);
      return;
    }
    if (entry.what == Happening::kTimer) entry.order |= kTimerOrder;
    sift_up(entry);
  }

  // Takes out what comes next, and moves the clock to it. Requires !empty().
  Entry pop() {
    SKIPTRAIN_CHECK(!empty(), "something must be left to happen");
    if (!at_once_.empty() && !heap_entry_comes_first()) {
      const Entry entry = at_once_.front();
      at_once_.pop_front();
      return entry;
    }
    const Entry entry = heap_.front();
    const Entry last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sift_down(last);
    now_ = entry.when;
    return entry;
  }

 private:
  static constexpr std::uint64_t kTimerOrder = std::uint64_t{1} << 63;
  static constexpr std::size_t kArity = 4;

  static bool before(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when < b.when : a.order < b.order;
  }
  // Of the heap's entries that are due now, all but timers went in before those of the queue.
  bool heap_entry_comes_first() const {
    return !heap_.empty() && heap_.front().when == now_ && heap_.front().order < kTimerOrder;
  }

  void sift_up(const Entry& entry) {
    std::size_t hole = heap_.size();
    heap_.push_back(entry);
    while (hole > 0) {
      const std::size_t parent = (hole - 1) / kArity;
      if (!before(entry, heap_[parent])) break;
      heap_[hole] = heap_[parent];
      hole = parent;
    }
    heap_[hole] = entry;
  }

  void sift_down(const Entry& entry) {
    const std::size_t count = heap_.size();
    std::size_t hole = 0;
    for (;;) {
      const std::size_t first = hole * kArity + 1;
      if (first >= count) break;
      const std::size_t end = first + kArity < count ? first + kArity : count;
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child) {
        if (before(heap_[child], heap_[least])) least = child;
      }
      if (!before(heap_[least], entry)) break;
      heap_[hole] = heap_[least];
      hole = least;
    }
    heap_[hole] = entry;
  }

  Instant now_;
  std::uint64_t pushed_ = 0;
  std::vector<Entry> heap_;
  std::deque<Entry> at_once_;
};

}  // namespace skiptrain::sim
