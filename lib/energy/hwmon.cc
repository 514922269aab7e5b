#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "energy/meters.h"
#include "energy/sysfs.h"

namespace skiptrain::energy {
namespace {

constexpr double kMicrowattsPerWatt = 1e6;
constexpr double kSecondsPerHour = 3600.0;
constexpr int kMaxChannels = 8;  // an INA3221 has three

// One power rail: a file in uW, or a voltage in mV and a current in mA, whose product is uW.
struct Rail {
  std::filesystem::path power;
  std::filesystem::path voltage;
  std::filesystem::path current;
};

Result<double> read_watts(const Rail& rail) {
  if (!rail.power.empty()) {
    const auto microwatts = read_integer(rail.power);
    if (!microwatts) return tl::unexpected<Error>(microwatts.error());
    return static_cast<double>(*microwatts) / kMicrowattsPerWatt;
  }
  const auto millivolts = read_integer(rail.voltage);
  if (!millivolts) return tl::unexpected<Error>(millivolts.error());
  const auto milliamperes = read_integer(rail.current);
  if (!milliamperes) return tl::unexpected<Error>(milliamperes.error());
  return static_cast<double>(*millivolts) * static_cast<double>(*milliamperes) / kMicrowattsPerWatt;
}

Result<double> read_watts(const std::vector<Rail>& rails) {
  double watts = 0.0;
  for (const Rail& rail : rails) {
    auto one = read_watts(rail);
    if (!one) return one;
    // A sensor's offset may read slightly below zero.
    watts += std::max(*one, 0.0);
  }
  return watts;
}

class HwmonMeter : public ports::EnergyMeter {
 public:
  HwmonMeter(std::vector<Rail> rails, Clock now, double watts)
      : rails_(std::move(rails)), now_(std::move(now)), last_(now_()), last_watts_(watts) {}

  Result<WattHours> read_total() override {
    const Instant now = now_();
    const auto watts = read_watts(rails_);
    const double hours = to_seconds(now - last_) / kSecondsPerHour;
    last_ = now;
    if (!watts) return tl::unexpected<Error>(watts.error());
    total_ += WattHours((last_watts_ + *watts) / 2.0 * hours);
    last_watts_ = *watts;
    return total_;
  }

  std::string_view source() const override { return "hwmon"; }

 private:
  std::vector<Rail> rails_;
  Clock now_;
  Instant last_;
  double last_watts_ = 0.0;
  WattHours total_;
};

std::vector<Rail> rails_of(const std::filesystem::path& chip) {
  std::error_code ignored;
  if (std::filesystem::exists(chip / "power1_input", ignored)) {
    return {{.power = chip / "power1_input"}};
  }
  std::vector<Rail> rails;
  for (int channel = 1; channel <= kMaxChannels; ++channel) {
    const std::string number = std::to_string(channel);
    const Rail rail = {.voltage = chip / ("in" + number + "_input"),
                       .current = chip / ("curr" + number + "_input")};
    if (!std::filesystem::exists(rail.voltage, ignored)) continue;
    if (!std::filesystem::exists(rail.current, ignored)) continue;
    const auto label = read_text(chip / ("in" + number + "_label"));
    if (label && label->ends_with("_IN")) return {rail};
    rails.push_back(rail);
  }
  return rails;
}

}  // namespace

Result<MeterPtr> make_hwmon_meter(const std::filesystem::path& root, Clock now) {
  const std::filesystem::path folder = root / "class" / "hwmon";
  std::vector<Rail> board;  // of the chips made for this
  std::vector<Rail> any;    // of others that report power, such as a graphics card
  for (const std::filesystem::path& chip : entries(folder)) {
    const auto name = read_text(chip / "name");
    if (!name) continue;
    const std::vector<Rail> rails = rails_of(chip);
    if (name->starts_with("ina")) {
      board.insert(board.end(), rails.begin(), rails.end());
    } else if (!rails.empty() && !rails.front().power.empty()) {
      any.insert(any.end(), rails.begin(), rails.end());
    }
  }
  std::vector<Rail> rails = board.empty() ? std::move(any) : std::move(board);
  if (rails.empty()) {
    return fail(ErrorCode::kNotFound, folder.string() +
                                          ": has no power sensor (power1_input, or in1_input with "
                                          "curr1_input on a chip whose name starts with \"ina\")");
  }
  const auto watts = read_watts(rails);
  if (!watts) return tl::unexpected<Error>(watts.error());
  return std::make_unique<HwmonMeter>(std::move(rails), std::move(now), *watts);
}

}  // namespace skiptrain::energy
