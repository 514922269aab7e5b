#include "discovery/address_book.h"

#include <utility>

#include "discovery/ip_endpoint.h"

namespace skiptrain::discovery {

AddressBook::AddressBook(const Limits& limits,
                         std::function<bool(const asio::ip::address&)> accepts,
                         StartLookup start_lookup)
    : limits_(limits), accepts_(std::move(accepts)), start_lookup_(std::move(start_lookup)) {}

AddressBook::Entry* AddressBook::find_or_add(const std::string& host, Instant now) {
  const auto found = entries_.find(host);
  if (found != entries_.end()) return &found->second;
  if (entries_.size() >= limits_.names) {
    auto oldest = entries_.end();
    for (auto each = entries_.begin(); each != entries_.end(); ++each) {
      if (each->second.looking_up) continue;
      if (oldest == entries_.end() || each->second.used_at < oldest->second.used_at) oldest = each;
    }
    if (oldest == entries_.end()) return nullptr;
    entries_.erase(oldest);
  }
  Entry& added = entries_[host];
  added.look_up_at = now;
  return &added;
}

void AddressBook::find(const std::string& host, Instant now, Use use) {
  Entry* entry = find_or_add(host, now);
  if (entry == nullptr) {
    return use(fail(ErrorCode::kResourceExhausted, "name " + host + ": too many look-ups"));
  }
  entry->used_at = now;
  const bool look_up = !entry->looking_up && now >= entry->look_up_at;
  if (entry->address) {
    use(*entry->address);
  } else if (look_up || entry->looking_up) {
    if (entry->waiting.size() >= limits_.waiting_per_name) {
      entry->waiting.front()(
          fail(ErrorCode::kResourceExhausted, "name " + host + ": too much waits for its look-up"));
      entry->waiting.pop_front();
    }
    entry->waiting.push_back(std::move(use));
  } else {
    use(tl::unexpected(entry->error));
  }
  if (!look_up) return;
  entry->looking_up = true;
  start_lookup_(host);
}

Result<asio::ip::address> AddressBook::choose(const std::string& host,
                                              const Result<NameResolver::Addresses>& answer) const {
  if (!answer) return tl::unexpected(answer.error());
  for (const std::string& each : *answer) {
    const auto address = numeric_address(each);
    if (address && accepts_(*address)) return *address;
  }
  return fail(ErrorCode::kNotFound, "name " + host + ": has no address that this socket reaches");
}

void AddressBook::answered(const std::string& host, const Result<NameResolver::Addresses>& answer,
                           Instant now) {
  const auto found = entries_.find(host);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  const Result<asio::ip::address> chosen = choose(host, answer);
  entry.looking_up = false;
  entry.look_up_at = now + (chosen ? limits_.lifetime : limits_.retry_after);
  if (chosen) {
    entry.address = *chosen;
  } else {
    entry.error = chosen.error();
  }
  const std::deque<Use> waiting = std::exchange(entry.waiting, {});
  for (const Use& use : waiting) use(chosen);
}

}  // namespace skiptrain::discovery
