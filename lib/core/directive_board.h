// All directives that a node knows of, and which of them is in force in a round.
//
// A set that only depends on which directives were heard, not on the order in which they came, so
// that nodes which heard the same agree. About one matter, the directive in force in round t is,
// of those effective by t, the one with the largest stamp (DESIGN.md section 5). One that can never
// be in force, since a newer one is effective as early, is dropped: what is left has larger stamps
// on later rounds. A node that was away applies what it missed as soon as it hears of it.
//
// Bounded: of more than kMaxPerSubject about one matter the oldest are forgotten. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "core/directive.h"

namespace skiptrain::core {

class DirectiveBoard {
 public:
  static constexpr std::size_t kMaxPerSubject = 16;

  DirectiveBoard() = default;
  // As `add`, one after the other.
  explicit DirectiveBoard(const std::vector<Directive>& directives);

  // True if it was news and may be in force in some round.
  bool add(const Directive& directive);
  // What `origin` would say: `order` from `effective` on, with a stamp above all heard of.
  Directive draft(NodeId origin, Round effective, DirectiveOrder order) const;
  // True if no more directives about this matter may be issued: those to come after `round` fill
  // the board.
  bool is_full(const DirectiveOrder& subject, Round round) const;

  // In force in `round`; nullopt: nobody said anything, the config holds.
  std::optional<Schedule> schedule_at(Round round) const;
  std::optional<double> learning_rate_at(Round round) const;
  RunOrder run_order_at(Round round) const;
  // The directive in force about the matter of `subject`, or nullptr.
  const Directive* in_force(const DirectiveOrder& subject, Round round) const;
  // The first that takes effect after `round`, or nullptr.
  const Directive* next_after(const DirectiveOrder& subject, Round round) const;

  // By matter, then by round.
  std::vector<Directive> all() const;
  bool empty() const;

 private:
  using Subject = std::vector<Directive>;  // ascending by both stamp and round
  static constexpr std::size_t kSubjects = std::variant_size_v<DirectiveOrder>;

  std::array<Subject, kSubjects> subjects_;
  std::uint64_t largest_lamport_ = 0;  // also of those that were dropped
};

// kInvalidArgument unless its order makes sense by itself.
Status validate(const DirectiveOrder& order);

}  // namespace skiptrain::core
