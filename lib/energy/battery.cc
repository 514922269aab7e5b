#include <algorithm>
#include <string>
#include <vector>

#include "energy/meters.h"
#include "energy/sysfs.h"

namespace skiptrain::energy {
namespace {

constexpr double kMicrowattHoursPerWattHour = 1e6;
constexpr double kMicroPerUnit = 1e6;

struct Battery {
  std::filesystem::path folder;
  WattHours last;
};

// What is left in it.
Result<WattHours> remaining(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (std::filesystem::exists(folder / "energy_now", ignored)) {
    const auto energy_uwh = read_integer(folder / "energy_now");
    if (!energy_uwh) return tl::unexpected<Error>(energy_uwh.error());
    return WattHours(static_cast<double>(*energy_uwh) / kMicrowattHoursPerWattHour);
  }
  const auto charge_uah = read_integer(folder / "charge_now");
  if (!charge_uah) return tl::unexpected<Error>(charge_uah.error());
  const auto voltage_uv = read_integer(folder / "voltage_now");
  if (!voltage_uv) return tl::unexpected<Error>(voltage_uv.error());
  return WattHours(static_cast<double>(*charge_uah) / kMicroPerUnit *
                   (static_cast<double>(*voltage_uv) / kMicroPerUnit));
}

class BatteryMeter : public ports::EnergyMeter {
 public:
  explicit BatteryMeter(std::vector<Battery> batteries) : batteries_(std::move(batteries)) {}

  Result<WattHours> read_total() override {
    std::vector<WattHours> now;
    std::string trouble;
    for (const Battery& battery : batteries_) {
      auto left = remaining(battery.folder);
      if (!left) return tl::unexpected<Error>(std::move(left.error()));
      now.push_back(*left);
      // Some gauges have no status; then only the level speaks.
      const auto status = read_text(battery.folder / "status");
      if (status && *status != "Discharging") {
        trouble = (battery.folder / "status").string() + ": \"" + *status +
                  "\": must be Discharging for the battery to show what the device draws";
      }
    }
    for (std::size_t i = 0; i < batteries_.size(); ++i) {
      // A level that rises within noise, or by a charger, draws nothing back out of the total.
      const WattHours lost = batteries_[i].last - now[i];
      if (trouble.empty()) total_ += std::max(lost, WattHours(0.0));
      batteries_[i].last = now[i];
    }
    if (!trouble.empty()) return fail(ErrorCode::kUnavailable, trouble);
    return total_;
  }

  std::string_view source() const override { return "battery"; }

 private:
  std::vector<Battery> batteries_;
  WattHours total_;
};

// The device's own battery, not that of a mouse (scope Device).
bool is_own_battery(const std::filesystem::path& folder) {
  const auto type = read_text(folder / "type");
  const auto scope = read_text(folder / "scope");
  return type && *type == "Battery" && !(scope && *scope == "Device");
}

}  // namespace

Result<MeterPtr> make_battery_meter(const std::filesystem::path& root) {
  const std::filesystem::path folder = root / "class" / "power_supply";
  std::vector<Battery> batteries;
  for (const std::filesystem::path& supply : entries(folder)) {
    if (!is_own_battery(supply)) continue;
    const auto level = remaining(supply);
    if (!level) return tl::unexpected<Error>(level.error());
    batteries.push_back({supply, *level});
  }
  if (batteries.empty()) {
    return fail(ErrorCode::kNotFound,
                folder.string() + ": has no battery (an entry whose type is Battery)");
  }
  return std::make_unique<BatteryMeter>(std::move(batteries));
}

}  // namespace skiptrain::energy
