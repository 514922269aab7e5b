// Strong identifiers. Each wraps one integer, orders and hashes like it, and converts to nothing.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

namespace skiptrain {

// `Tag` tells identifiers apart for the compiler; `Rep` is the integer behind it.
template <typename Tag, typename Rep>
class StrongId {
 public:
  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  constexpr auto operator<=>(const StrongId&) const = default;
  friend std::ostream& operator<<(std::ostream& out, StrongId id) { return out << id.value_; }

 private:
  Rep value_{};
};

// One daemon with its model, data and budget; the same across restarts. Orders the sums of a mix
// and decides who dials whom.
using NodeId = StrongId<struct NodeIdTag, std::uint64_t>;

// How often this NodeId has started.
using Incarnation = StrongId<struct IncarnationTag, std::uint64_t>;

// A hash that two nodes compare before they mix: of a model's layout, or of a run's settings.
using Fingerprint = StrongId<struct FingerprintTag, std::uint64_t>;

// One step of the logical clock, from 0.
class Round {
 public:
  constexpr Round() = default;
  constexpr explicit Round(std::uint64_t value) : value_(value) {}
  constexpr std::uint64_t value() const { return value_; }
  constexpr Round next() const { return Round(value_ + 1); }
  constexpr auto operator<=>(const Round&) const = default;
  friend std::ostream& operator<<(std::ostream& out, Round round) { return out << round.value_; }

 private:
  std::uint64_t value_ = 0;
};

inline std::string to_string(NodeId id) {
  return std::to_string(id.value());
}
inline std::string to_string(Round round) {
  return std::to_string(round.value());
}

}  // namespace skiptrain

template <typename Tag, typename Rep>
struct std::hash<skiptrain::StrongId<Tag, Rep>> {
  std::size_t operator()(skiptrain::StrongId<Tag, Rep> id) const noexcept {
    return std::hash<Rep>()(id.value());
  }
};
