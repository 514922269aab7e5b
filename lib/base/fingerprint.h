// Builds a Fingerprint: FNV-1a over fields, each preceded by its length, so that ("ab", "c") and
// ("a", "bc") differ. Guards against mistakes, not against an adversary.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ids.h"

namespace skiptrain {

class Fingerprinter {
 public:
  Fingerprinter& add(std::string_view text) {
    add(static_cast<std::uint64_t>(text.size()));
    for (const char c : text) mix_byte(static_cast<unsigned char>(c));
    return *this;
  }
  Fingerprinter& add(std::uint64_t value) {
    for (int i = 0; i < 8; ++i) mix_byte(static_cast<unsigned char>(value >> (8 * i)));
    return *this;
  }
  Fingerprint finish() const { return Fingerprint(hash_); }

 private:
  void mix_byte(unsigned char byte) { hash_ = (hash_ ^ byte) * 0x100000001b3u; }

  std::uint64_t hash_ = 0xcbf29ce484222325u;
};

}  // namespace skiptrain
