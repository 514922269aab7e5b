#include "wire/checksum.h"

#include <new>

#include <xxhash.h>

// On x86 the library can pick its widest vectors at run time. This header makes XXH3_64bits and its
// kin mean that.
#ifdef SKIPTRAIN_XXHASH_DISPATCH
#include <xxh_x86dispatch.h>
#endif

namespace skiptrain::wire {

std::uint64_t checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

void StreamingChecksum::Free::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

StreamingChecksum::StreamingChecksum() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  reset();
}

void StreamingChecksum::reset() {
  XXH3_64bits_reset(state_.get());
}

void StreamingChecksum::add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
}

std::uint64_t StreamingChecksum::value() const {
  return XXH3_64bits_digest(state_.get());
}

}  // namespace skiptrain::wire
