#include "core/published_mix.h"

#include <algorithm>

#include "base/check.h"

namespace skiptrain::core {

void mix_as_published(Mix& mix, Publisher& publisher) {
  if (!mix.of_updates || publisher.compression().is_none()) return;
  const auto own = std::ranges::find(mix.inputs, mix.self, &MixInput::from);
  SKIPTRAIN_CHECK(own != mix.inputs.end(), "the node's own parameters are one of the inputs");
  const ParametersPtr copy =
      publisher.publish(ModelUpdate{mix.round, 0, own->parameters}).update.parameters;
  const double step = publisher.compression().consensus_step();
  const double of_others = step * (1.0 - own->weight);
  for (MixInput& input : mix.inputs) input.weight *= step;
  if (copy == own->parameters) {
    own->weight = 1.0 - of_others;
    return;
  }
  own->weight = 1.0;
  mix.inputs.insert(own, MixInput{mix.self, -of_others, copy});
}

}  // namespace skiptrain::core
