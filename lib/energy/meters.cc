#include "energy/meters.h"

#include <cmath>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "base/check.h"

namespace skiptrain::energy {
namespace {

constexpr double kSecondsPerHour = 3600.0;

class ConstantMeter : public ports::EnergyMeter {
 public:
  ConstantMeter(double watts, Clock now) : watts_(watts), now_(std::move(now)), start_(now_()) {}

  Result<WattHours> read_total() override {
    return WattHours(watts_ * to_seconds(now_() - start_) / kSecondsPerHour);
  }
  std::string_view source() const override { return "constant"; }

 private:
  double watts_;
  Clock now_;
  Instant start_;
};

class SampledMeter : public ports::EnergyMeter {
 public:
  SampledMeter(MeterPtr meter, Duration period)
      : meter_(std::move(meter)),
        period_(period),
        sampler_([this](const std::stop_token& stop) { sample_until(stop); }) {}

  Result<WattHours> read_total() override {
    const std::scoped_lock lock(mutex_);
    auto total = meter_->read_total();
    // A gap since the last call makes this total wrong, even if the meter can be read again.
    if (std::optional<Error> gap = std::exchange(gap_, std::nullopt); gap && total) {
      return tl::unexpected<Error>(*std::move(gap));
    }
    return total;
  }
  std::string_view source() const override { return meter_->source(); }

 private:
  void sample_until(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, period_, [&] { return stop.stop_requested(); })) {
      auto total = meter_->read_total();
      if (!total) gap_ = std::move(total.error());
    }
  }

  MeterPtr meter_;
  Duration period_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::optional<Error> gap_;
  std::jthread sampler_;  // last: it uses the rest, and is joined first
};

}  // namespace

Instant steady_now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

Result<MeterPtr> make_constant_meter(double watts, Clock now) {
  if (!std::isfinite(watts) || !(watts > 0.0)) {
    return fail(ErrorCode::kInvalidArgument,
                "constant_watts = " + std::to_string(watts) + ": must be a number above 0");
  }
  return std::make_unique<ConstantMeter>(watts, std::move(now));
}

MeterPtr keep_sampling(MeterPtr meter, Duration period) {
  SKIPTRAIN_CHECK(meter != nullptr && period > Duration::zero(), "something to sample, in time");
  return std::make_unique<SampledMeter>(std::move(meter), period);
}

std::string_view to_string(MeterKind kind) {
  switch (kind) {
    case MeterKind::kModel:
      return "model";
    case MeterKind::kRapl:
      return "rapl";
    case MeterKind::kBattery:
      return "battery";
    case MeterKind::kHwmon:
      return "hwmon";
    case MeterKind::kConstant:
      return "constant";
  }
  return "unknown";
}

Result<MeterPtr> make_meter(const MeterOptions& options) {
  const auto sampled = [](Result<MeterPtr> meter) {
    return std::move(meter).map([](MeterPtr bare) { return keep_sampling(std::move(bare)); });
  };
  switch (options.kind) {
    case MeterKind::kModel:
      return MeterPtr();
    case MeterKind::kRapl:
      return sampled(make_rapl_meter(options.root));
    case MeterKind::kBattery:
      return sampled(make_battery_meter(options.root));
    case MeterKind::kHwmon:
      return sampled(make_hwmon_meter(options.root));
    // Only time passes here: nothing to sample, and reading it takes no lock.
    case MeterKind::kConstant:
      return make_constant_meter(options.constant_watts);
  }
  return fail(ErrorCode::kInternal, "an unknown kind of meter");
}

}  // namespace skiptrain::energy
