#include "discovery/seeds.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "discovery/ip_endpoint.h"
#include "wire/address.h"

namespace skiptrain::discovery {
namespace {

// The answers as they come in; the last one hands on all.
struct Gathering {
  std::mutex mutex;
  std::vector<SeedAddresses> seeds;
  std::size_t missing = 0;
  Seeds::Done done;

  void answer(std::size_t index, std::uint16_t port, Result<NameResolver::Addresses> addresses) {
    std::unique_lock lock(mutex);
    SeedAddresses& seed = seeds[index];
    if (addresses) {
      const std::size_t count = std::min(addresses->size(), kMaxAddressesPerSeed);
      for (std::size_t i = 0; i < count; ++i) {
        seed.addresses.push_back(to_string(wire::HostPort{(*addresses)[i], port}));
      }
    } else {
      seed.error = std::move(addresses.error());
    }
    if (--missing > 0) return;
    lock.unlock();
    done(std::move(seeds));
  }
};

}  // namespace

Status Seeds::check(const std::vector<std::string>& entries) {
  if (entries.size() > kMaxSeeds) {
    return fail(ErrorCode::kInvalidArgument, std::to_string(entries.size()) + " seeds, at most " +
                                                 std::to_string(kMaxSeeds) + " are allowed");
  }
  for (const std::string& entry : entries) {
    const auto address = wire::parse_host_port(entry);
    if (!address) return fail(ErrorCode::kInvalidArgument, "seed: " + address.error().message);
    if (address->port == 0) {
      return fail(ErrorCode::kInvalidArgument,
                  "seed \"" + entry + "\": the port is 0; must be 1 to 65535");
    }
  }
  return {};
}

Seeds::Seeds(std::vector<std::string> entries, NameResolver::Lookup lookup)
    : entries_(std::move(entries)), resolver_(std::move(lookup)) {
  SKIPTRAIN_CHECK(check(entries_), "seeds are checked before they are used");
}

void Seeds::resolve(Duration timeout, Done done) {
  if (entries_.empty()) return done({});
  const auto gathering = std::make_shared<Gathering>();
  gathering->missing = entries_.size();
  gathering->done = std::move(done);
  for (const std::string& entry : entries_) gathering->seeds.push_back({entry, {}, std::nullopt});
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const wire::HostPort address = *wire::parse_host_port(entries_[i]);
    if (numeric_address(address.host)) {
      gathering->answer(i, address.port, NameResolver::Addresses{address.host});
      continue;
    }
    resolver_.resolve(address.host, timeout,
                      [gathering, i, port = address.port](Result<NameResolver::Addresses> answer) {
                        gathering->answer(i, port, std::move(answer));
                      });
  }
}

}  // namespace skiptrain::discovery
