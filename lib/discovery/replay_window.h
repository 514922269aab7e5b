// Which packets were seen before: a sliding window over each sender's sequence numbers, as IPsec
// has it (RFC 4303, 3.4.3; the ring of words is RFC 6479's).
//
// A sender is known by its NodeId and incarnation. A larger incarnation is a restart and opens a
// new window; a smaller one is a recording from before it, or of another device that goes by the
// same id. Not thread-safe.
//
// Packets carry no time of day, on purpose. Edge devices without a clock of their own wake up in
// 1970, or days behind, and some never see a time server: a time limit would shut them out of their
// own cluster, which is worse than what it prevents. What remains open is the time after a
// receiver's own restart: until it hears a sender, recordings of that sender pass once. They do
// little harm, since claims carry versions and acks the number of a ping that is waited for; and
// raise_floor() bounds it to the newest incarnation as soon as the member list says which one that
// is. Removing a key from the keyring ends the life of all that was recorded under it.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "base/ids.h"

namespace skiptrain::discovery {

class ReplayWindow {
 public:
  static constexpr std::uint64_t kWidth = 1024;

  // False if the number was accepted before, or is kWidth or more behind the largest one.
  bool accept(std::uint64_t sequence);

 private:
  static constexpr std::uint64_t kWordBits = 64;
  // One word more than the window, since the newest word is only partly filled.
  static constexpr std::uint64_t kWords = kWidth / kWordBits + 1;
  std::uint64_t largest_ = 0;
  bool any_ = false;
  std::array<std::uint64_t, kWords> seen_{};
};

enum class Freshness {
  kNew,
  kSeen,          // a replay, or too late to tell
  kEarlierStart,  // of a start that is over, as far as is known
};

class ReplayGuard {
 public:
  // Of senders held at most; beyond it the one unheard for longest is forgotten. Only authentic
  // packets get here, so that no stranger can fill it.
  explicit ReplayGuard(std::size_t max_senders) : max_senders_(max_senders) {}

  Freshness accept(NodeId sender, Incarnation incarnation, std::uint64_t sequence);
  // From now on nothing of this sender from before `incarnation` is accepted.
  void raise_floor(NodeId sender, Incarnation incarnation);

  std::size_t size() const { return senders_.size(); }

 private:
  struct Sender {
    Incarnation incarnation;
    ReplayWindow window;
    std::uint64_t last_heard = 0;  // in calls of accept
  };
  Sender& find_or_add(NodeId sender, Incarnation incarnation);

  const std::size_t max_senders_;
  std::uint64_t calls_ = 0;
  std::map<NodeId, Sender> senders_;
};

}  // namespace skiptrain::discovery
