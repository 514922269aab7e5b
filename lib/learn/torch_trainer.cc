#include "learn/torch_trainer.h"

#include <numeric>
#include <vector>

#include "learn/trainer_group.h"

namespace skiptrain::learn {

Result<std::unique_ptr<TorchTrainer>> TorchTrainer::create(TrainerOptions options,
                                                           data::Dataset train,
                                                           data::Dataset test) {
  const NodeId node = options.node;
  std::vector<std::uint32_t> all(train.size());
  std::iota(all.begin(), all.end(), 0u);
  // Three idle buffers: x(t) of the core, x(t+1/2) on its way to the neighbours, and the next one
  // being written.
  const auto group = TrainerGroup::create(
      std::move(options), std::make_shared<const data::Dataset>(std::move(train)),
      std::make_shared<const data::Dataset>(std::move(test)), {.workers = 1, .idle_buffers = 3});
  if (!group) return tl::unexpected<Error>(group.error());
  auto trainer = group->trainer(node, std::move(all));
  if (!trainer) return tl::unexpected<Error>(trainer.error());
  return std::unique_ptr<TorchTrainer>(new TorchTrainer(std::move(*trainer), group->place()));
}

}  // namespace skiptrain::learn
