// Whom a node asks first to be let into its cluster: the HOST:PORT entries of its configuration. A
// name may have many addresses (one DNS name for all seeds), and other ones the next time, so
// entries are looked up anew each time the node needs them.
//
// Thread-safe; see NameResolver for where `done` runs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "discovery/name_resolver.h"

namespace skiptrain::discovery {

// Entries that may be configured, and addresses taken of each.
inline constexpr std::size_t kMaxSeeds = 32;
inline constexpr std::size_t kMaxAddressesPerSeed = 32;

struct SeedAddresses {
  std::string entry;                   // as configured
  std::vector<std::string> addresses;  // IP:PORT; empty if there is an error
  std::optional<Error> error;
};

class Seeds {
 public:
  using Done = std::function<void(std::vector<SeedAddresses>)>;  // in the order of the entries

  // kInvalidArgument for an entry that is not HOST:PORT or whose port is 0, and for too many.
  static Status check(const std::vector<std::string>& entries);

  // The entries must have passed check().
  explicit Seeds(std::vector<std::string> entries,
                 NameResolver::Lookup lookup = NameResolver::system_lookup);

  // Calls `done` once, when all entries have an answer, at the latest after `timeout`.
  void resolve(Duration timeout, Done done);
  // What is still under way is answered with kUnavailable. Not from `done`.
  void stop() { resolver_.stop(); }

 private:
  const std::vector<std::string> entries_;
  NameResolver resolver_;
};

}  // namespace skiptrain::discovery
