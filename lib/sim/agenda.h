// What happens when, in virtual time: small typed entries, in a total order that does not depend on
// how they came in. Inside lib/sim only.
//
// The order is by time; at one time, what concerns the whole cluster comes first (faults,
// dialling), then messages, then results, then a node's wish to go on, and timers last, so that a
// message is not late for having arrived exactly at a deadline. Each entry but those of the first
// kind concerns one node alone.
//
// Entries come out in one of two ways. `pop` gives the next one. `take_window` gives all those of a
// stretch of time no longer than the lookahead, the least time that anything takes from one node to
// another, grouped by node: nodes cannot influence each other within it, so one may be taken
// through all of its entries before the next, while its state is in the cache. Both ways give every
// node the same entries in the same order. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.h"
#include "sim/entry_heap.h"

namespace skiptrain::sim {

class Agenda {
 public:
  explicit Agenda(Instant start = {}) : now_(start) {}

  Instant now() const { return now_; }
  bool empty() const { return size() == 0; }
  std::size_t size() const {
    return common_.size() + later_.size() + in_ring_ + (taken_.size() - next_taken_) + own_.size();
  }

  // How far apart nodes are at least; 0 (as at first): entries come by `pop` only. Between windows.
  void set_lookahead(Duration lookahead);

  // What is due in the past is due now. For messages, `number` is a number of their own in the
  // direction that `key` names; for what concerns one node `key` is the node.
  void push(Entry entry, std::uint32_t key, std::uint64_t number = 0);
  // Something that concerns the whole cluster.
  void push_common(Entry entry);

  bool has_lookahead() const { return width_ > 0; }

  // The next entry, and moves the clock to it. Requires !empty() and no lookahead.
  Entry pop();

  // With a lookahead. True if a window was opened, whose entries `next_in_window` gives; false if
  // the next thing that happens concerns the whole cluster: `pop_common` gives it. Requires
  // !empty().
  bool open_window();
  Entry pop_common();
  // False at the end of the window. What a node plans for itself within the window is in it.
  bool next_in_window(Entry& entry);
  // For those who fetch memory ahead of time: how many entries of the window a node has on average,
  // at least 1; and what will come so many entries after the next one, nullptr behind the end.
  std::size_t entries_per_node() const { return entries_per_node_; }
  const Entry* upcoming(std::size_t entries_ahead) const {
    const std::size_t place = next_taken_ + entries_ahead;
    return place < taken_.size() ? &taken_[place] : nullptr;
  }

 private:
  static constexpr std::uint32_t kNobody = 0xffffffff;
  // Times of a lookahead each, from that of base_ on; what is later still waits in a heap.
  static constexpr std::size_t kBuckets = 1024;

  std::uint64_t bucket_number(Instant when) const {
    return static_cast<std::uint64_t>(when.time_since_epoch().count()) / width_;
  }
  std::vector<Entry>& bucket(std::uint64_t number) { return ring_[number % kBuckets]; }
  void insert(const Entry& entry);
  // The number of the first bucket with anything in it; the largest number if there is none.
  std::uint64_t find_bucket();
  void sort_taken();

  Instant now_;
  std::uint64_t pushed_common_ = 0;
  EntryHeap common_;
  EntryHeap later_;  // all of what concerns nodes, if there is no lookahead

  std::uint64_t width_ = 0;  // of a bucket, in ns; 0: no lookahead
  std::uint64_t base_ = 0;   // number of the first bucket that may hold anything
  std::size_t in_ring_ = 0;
  std::vector<std::vector<Entry>> ring_;
  // Memory of buckets that were emptied, the last one on top: it is still in the cache.
  std::vector<std::vector<Entry>> spare_;

  // The open window: sorted by node, then in the order of entries.
  bool in_window_ = false;
  Instant window_end_;
  std::vector<Entry> taken_;
  std::size_t next_taken_ = 0;
  std::size_t entries_per_node_ = 1;
  std::uint32_t current_node_ = kNobody;
  EntryHeap own_;  // what the current node planned for itself within the window
  std::vector<Entry> unsorted_;
  std::vector<std::uint32_t> places_;  // by node, for sorting
};

}  // namespace skiptrain::sim
