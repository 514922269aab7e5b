// A small seeded generator whose draws are the same on every machine and standard library
// (the standard's engines are portable, its distributions are not).
//
// xoshiro256++ by Blackman and Vigna (2019), seeded by SplitMix64. Not for cryptography.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace skiptrain {

// Mixes a list of numbers into one seed, so that (run seed, NodeId, round) names a stream of its
// own. Order matters.
std::uint64_t derive_seed(std::initializer_list<std::uint64_t> parts);

class Rng {
 public:
  explicit Rng(std::uint64_t seed);

  std::uint64_t next();
  // Uniform in [0, 1), with 53 random bits.
  double uniform();
  // Uniform in [0, bound), without modulo bias. Requires bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Standard normal (Marsaglia's polar method).
  double normal();
  // Gamma with the given shape > 0 and scale 1 (Marsaglia and Tsang 2000).
  double gamma(double shape);

  // Fisher-Yates.
  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace skiptrain
