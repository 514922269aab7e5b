// From a configuration to what is trained: data, the trainer's options, what a round costs.
//
// The daemon and the simulator both go through here, so that a simulated node trains exactly what
// the daemon of the same configuration would. Plain functions; blocking where they read files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "daemon/config/config.h"
#include "data/dataset.h"
#include "energy/profile.h"
#include "learn/trainer_options.h"
#include "model/named_parameters.h"

namespace skiptrain::daemon {

// Both sets have the number of classes that occur in either, or targets of one width.
struct TrainingData {
  data::Dataset train;
  data::Dataset test;
};
// This node's share of the training set, and the whole test set.
Result<TrainingData> load_share(const Config& config);
// The training set that is dealt, in the order of its files, for who deals it to many nodes.
Result<TrainingData> load_undealt(const Config& config);

// `outputs`: those that the data ask for (data::Dataset::output_count).
learn::TrainerOptions trainer_options(const Config& config, const data::ImageShape& input,
                                      std::uint32_t outputs);

// The file that model.file names; null if it is not set. Errors start with the key and the path.
Result<learn::ScriptFilePtr> load_model_file(const Config& config);
// What run_fingerprint asks for.
std::optional<Fingerprint> digest_of(const learn::ScriptFilePtr& model_file);

// `options` with the model of `model_file`, if there is one, and, unless nobody needs it, with x(0)
// of the file that model.initial names, if it is set.
Result<learn::TrainerOptions> with_model_files(const Config& config, learn::TrainerOptions options,
                                               learn::ScriptFilePtr model_file,
                                               bool needs_initial = true);

// All tensors in a model's file: safetensors or TorchScript, told apart by content.
Result<NamedParameters> read_model(const std::filesystem::path& file);

// What the energy model asks for: a train round of a node with `samples` in its share.
energy::TrainRoundWork train_round_work(const Config& config, std::size_t parameter_count,
                                        std::size_t samples);

}  // namespace skiptrain::daemon
