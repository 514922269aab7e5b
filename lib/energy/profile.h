// Energy profiles of devices, and the paper's estimate of what a train round costs on one.
//
// Figures and formula are those of SkipTrain's energy traces (arXiv 2407.01283): four phones, their
// power at full load and their MobileNetV2 inference time. Pure functions; a device with a meter
// replaces the estimate by a reading (meters.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace skiptrain::energy {

struct Profile {
  std::string_view name;
  double max_power_w = 0.0;             // P_max, while training
  double mobilenet_inference_ms = 0.0;  // MobileNetV2, one sample
  WattHours battery;
};

// Parameters of MobileNetV2, the model whose inference time scales the estimate.
inline constexpr double kMobileNetParameters = 3'504'872.0;
// Forward and backward pass together, in forward passes.
inline constexpr double kTrainingToInference = 3.0;

// All profiles, in the order in which the paper's testbed deals them.
std::span<const Profile> profiles();
// kNotFound, naming what there is.
Result<Profile> find_profile(std::string_view name);
// The profile of the node at `position` in the cluster: position mod 4, as the paper does.
const Profile& profile_for_position(std::size_t position);

struct TrainRoundWork {
  std::uint64_t parameter_count = 0;
  std::uint64_t local_steps = 0;
  std::uint64_t batch_size = 0;
};

// t_train = 3 * t_MobileNetV2 * (params / 3 504 872) * local_steps * batch_size.
Duration estimated_train_time(const Profile& profile, const TrainRoundWork& work);
// E = P_max * t_train / 3600.
WattHours train_round_energy(const Profile& profile, const TrainRoundWork& work);

}  // namespace skiptrain::energy
