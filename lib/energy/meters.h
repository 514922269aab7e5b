// Meters on what Linux offers: RAPL counters, battery gauges, board power sensors, or a constant.
//
// Each reads a few files of sysfs below a root that is normally /sys, so a made-up tree serves as
// well. Making one reads it once and fails if there is nothing to read; totals count from there.
// An error stands for the whole time since the last good reading: what was drawn then is not in
// later totals. The meters are not thread-safe by themselves; `keep_sampling` makes one so and
// reads it at a steady pace, without which a counter may wrap, or a sensor's peaks be missed,
// between two readings.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "ports/energy_meter.h"

namespace skiptrain::energy {

using MeterPtr = std::unique_ptr<ports::EnergyMeter>;
using Clock = std::function<Instant()>;

// The machine's steady clock.
Instant steady_now();

// Of a file of one number in sysfs; longer files are refused.
inline constexpr std::size_t kMaxSysfsBytes = 4096;
inline constexpr Duration kSamplePeriod = std::chrono::milliseconds(200);

// Sums the energy_uj counters of all CPU packages (class/powercap/intel-rapl:N, AMD's too), each
// with its own wrap-around at max_energy_range_uj. Cores, graphics and the platform domain lie
// within or around the packages and are not added. The counters are readable by root only, unless
// a udev rule says otherwise.
Result<MeterPtr> make_rapl_meter(const std::filesystem::path& root);

// Sums what all batteries (class/power_supply/*, type Battery) lost: energy_now in uWh, or
// charge_now in uAh times voltage_now in uV. Gauges move in coarse steps, so a short round may
// read as nothing and the next as two. An error while a battery is not discharging.
Result<MeterPtr> make_battery_meter(const std::filesystem::path& root);

// Integrates the power of board sensors (class/hwmon) over its readings, by trapezoids: chips
// whose name starts with "ina" (INA219, INA226, INA3221), or else every chip that reports power.
// A chip's power is power1_input in uW, or else the sum over its channels of inN_input (mV) times
// currN_input (mA). If a channel is labelled as the board's input (inN_label ends in "_IN", as on
// Jetson boards), the others lie behind it and only it counts.
Result<MeterPtr> make_hwmon_meter(const std::filesystem::path& root, Clock now = steady_now);

// `watts` times the time since it was made. kInvalidArgument unless `watts` is finite and above 0.
Result<MeterPtr> make_constant_meter(double watts, Clock now = steady_now);

// A thread-safe meter that also reads `meter` every `period`, on a thread of its own, until it is
// destroyed. An error of such a reading is returned by the next read_total().
MeterPtr keep_sampling(MeterPtr meter, Duration period = kSamplePeriod);

enum class MeterKind { kModel, kRapl, kBattery, kHwmon, kConstant };
std::string_view to_string(MeterKind kind);

struct MeterOptions {
  MeterKind kind = MeterKind::kModel;
  std::filesystem::path root = "/sys";
  double constant_watts = 0.0;  // kConstant only
};
// The meter of these options, thread-safe and sampled. nullptr for kModel, which measures nothing.
Result<MeterPtr> make_meter(const MeterOptions& options);

}  // namespace skiptrain::energy
