// Runs a fuzz target on inputs made from seeds, a bounded number of times, where no libFuzzer is at
// hand. The seed of an input that crashes it is printed, and can be given again.
#pragma once

#include <functional>
#include <string>

#include "base/rng.h"

namespace skiptrain::fuzz {

// A few random edits: bits, bytes, cuts, and pieces of itself elsewhere.
void mutate(std::string& bytes, Rng& rng);

// The whole of main: PROGRAM [COUNT [SEED]]. `make` gives the input of a generator that is seeded
// with SEED, SEED + 1, ...
int drive(int argc, char** argv, const std::function<std::string(Rng&)>& make);

}  // namespace skiptrain::fuzz
