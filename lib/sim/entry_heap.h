// Entries of the agenda, and a heap of them. Inside lib/sim only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/units.h"

namespace skiptrain::sim {

enum class Happening : std::uint8_t {
  // What concerns the whole cluster.
  kFault,      // a planned fault strikes
  kBooted,     // a node has loaded its model
  kDial,       // a link is to be connected
  kKeepalive,  // a link whose direction was cut may have to break
  // Messages.
  kParcel,  // a parcel arrives over a link that must not have broken since
  kNotice,  // a parcel arrives that survives a broken link, but not a restart
  // Results and the like, of one node.
  kDirectionFree,  // a link's direction has sent what was before in its queue
  kTrained,        // the node's training is done
  kMixed,          // its mix is done
  kFetchFailed,    // its state fetch failed
  kFetchTimeout,   // its state fetch may have waited too long
  kTick,           // it wants to go on at once
  kTimer,          // its deadline
};

struct Entry {
  Instant when;
  std::uint64_t order = 0;  // among those of one time; set by the agenda
  std::uint32_t node = 0;   // that it concerns; of what concerns all: whatever its kind needs
  std::uint32_t payload = 0;
  std::uint32_t epoch = 0;  // to tell whether it still means what it meant
  Happening what = Happening::kTick;

  // Order holds the kind, the key (which direction a message took; else the node) and a number.
  static constexpr unsigned kKeyShift = 28;
  std::uint32_t key() const { return static_cast<std::uint32_t>(order >> kKeyShift); }

  friend bool operator<(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when < b.when : a.order < b.order;
  }
};

// 4-ary: half as deep as a binary one, and four children lie in two cache lines.
class EntryHeap {
 public:
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  const Entry& top() const { return entries_.front(); }

  void push(const Entry& entry) {
    std::size_t hole = entries_.size();
    entries_.push_back(entry);
    while (hole > 0) {
      const std::size_t parent = (hole - 1) / kArity;
      if (!(entry < entries_[parent])) break;
      entries_[hole] = entries_[parent];
      hole = parent;
    }
    entries_[hole] = entry;
  }

  // Requires !empty().
  Entry pop() {
    const Entry entry = entries_.front();
    const Entry last = entries_.back();
    entries_.pop_back();
    if (!entries_.empty()) sift_down(last);
    return entry;
  }

 private:
  static constexpr std::size_t kArity = 4;

  void sift_down(const Entry& entry) {
    const std::size_t count = entries_.size();
    std::size_t hole = 0;
    for (;;) {
      const std::size_t first = hole * kArity + 1;
      if (first >= count) break;
      const std::size_t end = first + kArity < count ? first + kArity : count;
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child) {
        if (entries_[child] < entries_[least]) least = child;
      }
      if (!(entries_[least] < entry)) break;
      entries_[hole] = entries_[least];
      hole = least;
    }
    entries_[hole] = entry;
  }

  std::vector<Entry> entries_;
};

}  // namespace skiptrain::sim
