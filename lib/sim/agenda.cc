#include "sim/agenda.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"

namespace skiptrain::sim {
namespace {

// Entry::order: its kind, then its key, then its number.
constexpr unsigned kKindShift = 60;
constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << Entry::kKeyShift) - 1;

// From this part of the nodes on, entries are dealt out to them; fewer are sorted by comparing.
constexpr std::size_t kDenseWindow = 8;

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

}  // namespace

void Agenda::set_lookahead(Duration lookahead) {
  SKIPTRAIN_CHECK(!in_window_ && next_taken_ == taken_.size(), "windows are taken to their ends");
  const auto width = static_cast<std::uint64_t>(lookahead.count());
  if (width == width_) return;
  std::vector<Entry> all;
  for (auto& entries : ring_) {
    all.insert(all.end(), entries.begin(), entries.end());
    entries.clear();
  }
  in_ring_ = 0;
  while (!later_.empty()) all.push_back(later_.pop());
  width_ = width;
  if (width_ > 0) {
    ring_.resize(kBuckets);
    base_ = bucket_number(now_);
  }
  for (const Entry& entry : all) insert(entry);
}

void Agenda::push(Entry entry, std::uint32_t key, std::uint64_t number) {
  entry.order = static_cast<std::uint64_t>(entry.what) << kKindShift |
                std::uint64_t{key} << Entry::kKeyShift | (number & kNumberMask);
  entry.when = std::max(entry.when, now_);
  if (in_window_ && entry.when < window_end_) {
    SKIPTRAIN_CHECK(entry.node == current_node_, "nothing goes faster than the lookahead");
    own_.push(entry);
  } else {
    insert(entry);
  }
}

void Agenda::push_common(Entry entry) {
  SKIPTRAIN_CHECK(!in_window_, "nothing within a window concerns the whole cluster");
  entry.order = ++pushed_common_;
  entry.when = std::max(entry.when, now_);
  common_.push(entry);
}

void Agenda::insert(const Entry& entry) {
  if (width_ > 0) {
    if (const std::uint64_t number = bucket_number(entry.when); number < base_ + kBuckets) {
      auto& entries = bucket(number);
      if (entries.capacity() == 0 && !spare_.empty()) {
        entries.swap(spare_.back());
        spare_.pop_back();
      }
      entries.push_back(entry);
      ++in_ring_;
      return;
    }
  }
  later_.push(entry);
}

Entry Agenda::pop() {
  SKIPTRAIN_CHECK(width_ == 0 && !empty(), "something must be left, and there is no lookahead");
  const bool common_first =
      !common_.empty() && (later_.empty() || common_.top().when <= later_.top().when);
  const Entry entry = common_first ? common_.pop() : later_.pop();
  now_ = entry.when;
  return entry;
}

// ---- Windows -----------------------------------------------------------------------------------

std::uint64_t Agenda::find_bucket() {
  const std::uint64_t of_later = later_.empty() ? kNever : bucket_number(later_.top().when);
  if (in_ring_ == 0) return of_later;
  std::uint64_t number = base_;
  while (number < of_later && bucket(number).empty()) ++number;
  return number;
}

bool Agenda::open_window() {
  SKIPTRAIN_CHECK(width_ > 0 && !empty(), "something must be left, and there is a lookahead");
  const std::uint64_t of_common = common_.empty() ? kNever : bucket_number(common_.top().when);
  const std::uint64_t first = find_bucket();
  // What the cluster's next event plans may fall before `first`: the ring must not have passed it.
  base_ = std::min(first, of_common);
  if (base_ < first) return false;
  window_end_ = Instant(Duration(static_cast<Duration::rep>((base_ + 1) * width_)));
  if (!common_.empty()) window_end_ = std::min(window_end_, common_.top().when);
  taken_.clear();
  next_taken_ = 0;
  auto& entries = bucket(base_);
  in_ring_ -= entries.size();
  unsorted_.clear();
  if (unsorted_.capacity() > 0) spare_.push_back(std::move(unsorted_));
  unsorted_ = std::move(entries);
  while (!later_.empty() && later_.top().when < window_end_) unsorted_.push_back(later_.pop());
  // What is behind a fault that strikes within this time waits for it.
  const auto behind = std::partition(unsorted_.begin(), unsorted_.end(),
                                     [this](const Entry& e) { return e.when < window_end_; });
  if (behind != unsorted_.end()) entries.assign(behind, unsorted_.end());
  in_ring_ += entries.size();
  unsorted_.erase(behind, unsorted_.end());
  if (unsorted_.empty()) return false;
  sort_taken();
  std::size_t nodes = 1;
  for (std::size_t i = 1; i < taken_.size(); ++i) nodes += taken_[i].node != taken_[i - 1].node;
  entries_per_node_ = taken_.size() / nodes;
  in_window_ = true;
  current_node_ = kNobody;
  return true;
}

// By node, then in the order of entries.
void Agenda::sort_taken() {
  std::uint32_t most = 0;
  for (const Entry& entry : unsorted_) most = std::max(most, entry.node);
  if (unsorted_.size() * kDenseWindow < most) {
    std::ranges::sort(unsorted_, [](const Entry& a, const Entry& b) {
      return a.node != b.node ? a.node < b.node : a < b;
    });
    taken_.swap(unsorted_);
    return;
  }
  places_.assign(most + 2, 0);
  for (const Entry& entry : unsorted_) ++places_[entry.node + 1];
  for (std::size_t node = 1; node < places_.size(); ++node) places_[node] += places_[node - 1];
  taken_.resize(unsorted_.size());
  for (const Entry& entry : unsorted_) taken_[places_[entry.node]++] = entry;
  // places_[node] is now where the next node begins.
  std::uint32_t begin = 0;
  for (std::uint32_t node = 0; node <= most; ++node) {
    std::sort(taken_.begin() + begin, taken_.begin() + places_[node]);
    begin = places_[node];
  }
}

Entry Agenda::pop_common() {
  const Entry entry = common_.pop();
  now_ = entry.when;
  return entry;
}

bool Agenda::next_in_window(Entry& entry) {
  const bool more = next_taken_ < taken_.size();
  if (!own_.empty()) {
    const bool first =
        !more || taken_[next_taken_].node != current_node_ || own_.top() < taken_[next_taken_];
    if (first) {
      entry = own_.pop();
      now_ = entry.when;
      return true;
    }
  }
  if (!more) {
    in_window_ = false;
    return false;
  }
  entry = taken_[next_taken_++];
  current_node_ = entry.node;
  now_ = entry.when;
  return true;
}

}  // namespace skiptrain::sim
