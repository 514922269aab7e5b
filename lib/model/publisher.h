// What a node tells its neighbours of its model when updates are compressed, and what it mixes with
// in their place: CHOCO-SGD (Koloskova, Stich, Jaggi 2019, arXiv 1902.00340, Algorithm 2; for deep
// learning arXiv 1907.09356).
//
// Beside its model x_i a node has a public copy x^_i, the same bits at the node and at each of its
// neighbours. A round with compression Q:
//   x_i(t+1/2)          after the local phase
//   q_i = Q(x_i(t+1/2) - x^_i(t))                                what travels
//   x^_j(t+1) = x^_j(t) + q_j                                    at j, and at all neighbours of j
//   x_i(t+1) = x_i(t+1/2) + gamma * sum_j w_ij (x^_j(t+1) - x^_i(t+1))                     (*)
// What Q rounds away or leaves out stays in x_i, and so in the next difference: that is the error
// memory, and there is no other. The weights are symmetric, so each term of (*) is added at one end
// of an edge and taken away at the other: the mean of all models stays what it was, whatever Q
// does. A neighbour whose update is missing drops out of the sum at its own node alone, as without
// compression. With Q the identity and gamma = 1, (*) is the ordinary mix.
//   int8, top-k   as above. The differences, and with them the errors, vanish as nodes agree.
//   bf16, fp16    without memory: x^_i = Q(x_i). The mean is kept by the same argument (scheme
//                 Q2-G there, after Carli et al.), and a lost or a new neighbour costs nothing; but
//                 nodes agree only as far as the format's relative error of 2^-8 or 2^-11 allows.
//
// A node begins with x^ = x, sent whole, and does so again after a gap in its rounds (it jumped, or
// had nobody to send to), for a difference over many rounds tells little. Copies are kept in memory
// alone: a node that restarts, and a link that is made anew, begin with a whole copy.
//
// Not thread-safe. Holds one copy of the model, and for top-k 8 bytes a parameter to work in.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/compression.h"
#include "model/parameters.h"
#include "model/published_update.h"

namespace skiptrain {

class Publisher {
 public:
  // `pool` lends the public copies: buffers of the model's size.
  Publisher(Compression compression, ParametersPool pool);

  // Publishes an update of this node. The same one again (by round and parameters) gives the same
  // answer, but for the degree. Rounds must not go back.
  PublishedUpdate publish(const ModelUpdate& update);

  const Compression& compression() const { return compression_; }

 private:
  void publish_rounded(const ModelUpdate& update);
  void publish_difference(const ModelUpdate& update);

  Compression compression_;
  ParametersPool pool_;
  ParametersPtr newest_;  // x of the newest published update; its public copy is in published_
  std::optional<PublishedUpdate> published_;
  std::uint64_t copies_ = 0;
  std::vector<std::uint32_t> scratch_;
};

}  // namespace skiptrain
