// XXH3-64 (seed 0), the checksum of an update's payload. Guards against damage, not against an
// adversary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct XXH3_state_s;  // of libxxhash, whose header stays out of ours

namespace skiptrain::wire {

std::uint64_t checksum(std::span<const std::byte> bytes);

// The same over bytes that arrive piece by piece. Belongs to one thread.
class StreamingChecksum {
 public:
  StreamingChecksum();

  void reset();
  void add(std::span<const std::byte> bytes);
  std::uint64_t value() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace skiptrain::wire
