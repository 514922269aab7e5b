#include "energy/profile.h"

#include <array>
#include <string>

namespace skiptrain::energy {
namespace {

constexpr std::array<Profile, 4> kProfiles = {{
    {"xiaomi-12-pro", 17.7, 27.0, WattHours(17.8)},
    {"galaxy-s22-ultra", 15.1, 29.0, WattHours(19.4)},
    {"oneplus-nord-2-5g", 11.0, 17.0, WattHours(17.41)},
    {"poco-x3", 8.2, 76.0, WattHours(23.2)},
}};

constexpr double kSecondsPerHour = 3600.0;

double train_seconds(const Profile& profile, const TrainRoundWork& work) {
  const double relative_size = static_cast<double>(work.parameter_count) / kMobileNetParameters;
  const double samples =
      static_cast<double>(work.local_steps) * static_cast<double>(work.batch_size);
  return kTrainingToInference * profile.mobilenet_inference_ms / 1e3 * relative_size * samples;
}

}  // namespace

std::span<const Profile> profiles() {
  return kProfiles;
}

Result<Profile> find_profile(std::string_view name) {
  std::string known;
  for (const Profile& profile : kProfiles) {
    if (profile.name == name) return profile;
    known += (known.empty() ? "" : ", ") + std::string(profile.name);
  }
  return fail(ErrorCode::kNotFound,
              "energy profile \"" + std::string(name) + "\": must be one of " + known);
}

const Profile& profile_for_position(std::size_t position) {
  return kProfiles[position % kProfiles.size()];
}

Duration estimated_train_time(const Profile& profile, const TrainRoundWork& work) {
  return from_seconds(train_seconds(profile, work));
}

WattHours train_round_energy(const Profile& profile, const TrainRoundWork& work) {
  return WattHours(profile.max_power_w * train_seconds(profile, work) / kSecondsPerHour);
}

}  // namespace skiptrain::energy
