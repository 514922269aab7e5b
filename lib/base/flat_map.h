// A small ordered map in one piece of memory: a sorted vector of pairs, with the names of std::map.
//
// For tables of a few entries that are looked at far more often than they grow, such as one entry
// for each neighbour: a search or a walk touches a few adjacent cache lines and allocates nothing.
// Inserting and erasing move what lies behind, and invalidate iterators. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/check.h"

namespace skiptrain {

template <typename Key, typename Value>
class FlatMap {
 public:
  using Entry = std::pair<Key, Value>;
  using iterator = typename std::vector<Entry>::iterator;
  using const_iterator = typename std::vector<Entry>::const_iterator;

  // In ascending order of keys.
  iterator begin() { return entries_.begin(); }
  iterator end() { return entries_.end(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  // Entries that fit in the memory it has, and where that is.
  std::size_t capacity() const { return entries_.capacity(); }
  const Entry* data() const { return entries_.data(); }
  // Keeps its memory.
  void clear() { entries_.clear(); }

  iterator find(const Key& key) {
    const iterator place = lower_bound(key);
    return place != end() && place->first == key ? place : end();
  }
  const_iterator find(const Key& key) const { return const_cast<FlatMap*>(this)->find(key); }
  bool contains(const Key& key) const { return find(key) != end(); }
  // Requires contains(key).
  const Value& at(const Key& key) const {
    const const_iterator place = find(key);
    SKIPTRAIN_CHECK(place != end(), "the key must be in the map");
    return place->second;
  }

  // Its place, and whether it is new; an entry that is there already stays as it is.
  template <typename V>
  std::pair<iterator, bool> emplace(const Key& key, V&& value) {
    const iterator place = lower_bound(key);
    if (place != end() && place->first == key) return {place, false};
    return {entries_.emplace(place, key, std::forward<V>(value)), true};
  }
  // The entry behind the one erased.
  iterator erase(const_iterator place) { return entries_.erase(place); }

 private:
  iterator lower_bound(const Key& key) {
    return std::lower_bound(entries_.begin(), entries_.end(), key,
                            [](const Entry& entry, const Key& k) { return entry.first < k; });
  }

  std::vector<Entry> entries_;
};

}  // namespace skiptrain
