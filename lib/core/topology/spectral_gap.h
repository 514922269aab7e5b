// How fast a topology brings its nodes together: the spectral gap of its Metropolis-Hastings mixing
// matrix W, 1 - max(|lambda_2|, |lambda_n|).
//
// Each mix shrinks the consensus distance by a factor of at least 1 - gap, and in the long run by
// just that. 1 for a complete graph, about 6.6 / n^2 for a ring, 0 for a disconnected graph. By the
// Lanczos method on I - W, orthogonal to the constant vector; neither W nor a basis is stored.
#pragma once

#include "core/topology/topology.h"

namespace skiptrain::core {

struct SpectralGap {
  double value = 1.0;
  // False where the work was cut short, on sparse graphs of tens of thousands of nodes; the true
  // gap is then smaller. Else the relative error is below 1e-6.
  bool converged = true;
};

SpectralGap spectral_gap(const Topology& topology);

}  // namespace skiptrain::core
