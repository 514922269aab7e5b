// The mix of a round when updates are compressed.
//
// The core weighs models and knows nothing of bytes: it asks for sum_j w_ij x_j, with the
// neighbours' public copies as their x_j, for these are what came. This turns it into equation (*)
// of model/publisher.h, as a weighted sum again, so that whoever carries out a Mix needs not know.
#pragma once

#include "core/effect.h"
#include "model/publisher.h"

namespace skiptrain::core {

// `mix` is as the core asked for it. Left as it is if it is with a fetched state, which comes whole
// and exact, or if nothing is compressed. Else publishes the node's own update, should nobody have
// been there to send it to, and makes the mix
//   1 * x_i  -  gamma * (sum_j w_ij) * x^_i  +  sum_j gamma * w_ij * x^_j
// in which x^_i stands just before x_i, the last of the node's two inputs. Where x^_i is x_i there
// is one.
void mix_as_published(Mix& mix, Publisher& publisher);

}  // namespace skiptrain::core
