// The addresses of names, kept for a while, and what waits for them. Private to lib/discovery.
//
// A name whose time is over is looked up anew while its old address stays in use, so that a DNS
// server that is away stops nobody who was found before. Belongs to one thread, and has no clock.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <asio/ip/address.hpp>

#include "base/error.h"
#include "base/units.h"
#include "discovery/name_resolver.h"

namespace skiptrain::discovery {

class AddressBook {
 public:
  struct Limits {
    std::size_t names = 0;             // kept; beyond it the one unused for longest is forgotten
    std::size_t waiting_per_name = 0;  // beyond it the oldest is dropped
    Duration lifetime{};
    Duration retry_after{};
  };
  // Told of the address, or that there is none.
  using Use = std::function<void(const Result<asio::ip::address>& address)>;
  using StartLookup = std::function<void(const std::string& host)>;

  // `accepts` tells which of a name's addresses the socket can reach. `start_lookup` begins a
  // look-up whose answer comes to answered().
  AddressBook(const Limits& limits, std::function<bool(const asio::ip::address&)> accepts,
              StartLookup start_lookup);

  // Calls `use` once, now or when the look-up is done.
  void find(const std::string& host, Instant now, Use use);
  void answered(const std::string& host, const Result<NameResolver::Addresses>& answer,
                Instant now);

 private:
  struct Entry {
    std::optional<asio::ip::address> address;
    Error error;  // of the last look-up, if there is no address
    Instant look_up_at{};
    Instant used_at{};
    bool looking_up = false;
    std::deque<Use> waiting;
  };
  Entry* find_or_add(const std::string& host, Instant now);
  Result<asio::ip::address> choose(const std::string& host,
                                   const Result<NameResolver::Addresses>& answer) const;

  const Limits limits_;
  const std::function<bool(const asio::ip::address&)> accepts_;
  const StartLookup start_lookup_;
  std::map<std::string, Entry> entries_;
};

}  // namespace skiptrain::discovery
