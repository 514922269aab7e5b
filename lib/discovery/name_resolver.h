// DNS look-ups that block nobody. The system's look-up cannot be interrupted and may hang for
// minutes, so each runs on a thread of its own that nobody waits for: it owns all that it touches,
// and if its answer comes too late, it is dropped.
//
// Thread-safe. `done` runs on the resolver's own thread, or at once on the caller's where a limit
// is reached or the resolver was stopped; it must not block.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace skiptrain::discovery {

// Look-ups that run at one time, hanging ones among them; others wait for their turn.
inline constexpr std::size_t kMaxRunningLookups = 4;
// Names asked for at one time; beyond it the answer is kResourceExhausted.
inline constexpr std::size_t kMaxPendingNames = 64;

class NameResolver {
 public:
  using Addresses = std::vector<std::string>;  // numeric, at least one, the preferred first
  // May block. kUnavailable or kNotFound with the name.
  using Lookup = std::function<Result<Addresses>(const std::string& host)>;
  using Done = std::function<void(Result<Addresses>)>;

  // The system's getaddrinfo: /etc/hosts, DNS, whatever the machine has.
  static Result<Addresses> system_lookup(const std::string& host);

  explicit NameResolver(Lookup lookup = system_lookup);
  ~NameResolver();  // stops

  // `done` is called once: with the look-up's answer, with kTimeout, or with kUnavailable when the
  // resolver is stopped. Who asks for a name that is being looked up waits for the same answer.
  void resolve(const std::string& host, Duration timeout, Done done);
  // Look-ups that hang go on without us. Not from `done`.
  void stop();

 private:
  struct State;
  const std::shared_ptr<State> state_;
  struct Watcher;
  const std::unique_ptr<Watcher> watcher_;
};

}  // namespace skiptrain::discovery
