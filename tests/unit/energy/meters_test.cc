// Meters on made-up sysfs trees.
#include "energy/meters.h"

#include <stdlib.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace skiptrain::energy {
namespace {

using namespace std::chrono_literals;
using ::testing::Test;

constexpr double kTolerance = 1e-12;

class MeterTest : public Test {
 protected:
  MeterTest() {
    std::string name = (std::filesystem::temp_directory_path() / "meters-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
    root_ = name;
  }
  ~MeterTest() override { std::filesystem::remove_all(root_); }

  void write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = root_ / "class" / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  void remove(const std::string& file) { std::filesystem::remove(root_ / "class" / file); }

  void add_package(int number, const std::string& energy_uj, const std::string& range_uj) {
    const std::string zone = "powercap/intel-rapl:" + std::to_string(number);
    write(zone + "/name", "package-" + std::to_string(number));
    write(zone + "/energy_uj", energy_uj);
    write(zone + "/max_energy_range_uj", range_uj);
  }
  Clock clock() {
    return [this] { return now_; };
  }

  std::filesystem::path root_;
  Instant now_{};
};

class RaplMeterTest : public MeterTest {};
class BatteryMeterTest : public MeterTest {};
class HwmonMeterTest : public MeterTest {};
class ConstantMeterTest : public MeterTest {};
class SampledMeterTest : public MeterTest {};

TEST_F(RaplMeterTest, SumsPackagesAndLeavesOutTheirParts) {
  add_package(0, "1000000", "262143328850");
  add_package(1, "5000000", "262143328850");
  write("powercap/intel-rapl:0:0/name", "core");
  write("powercap/intel-rapl:0:0/energy_uj", "0");
  write("powercap/intel-rapl:0:0/max_energy_range_uj", "262143328850");
  write("powercap/intel-rapl:2/name", "psys");
  write("powercap/intel-rapl:2/energy_uj", "0");
  write("powercap/intel-rapl:2/max_energy_range_uj", "262143328850");
  auto meter = make_rapl_meter(root_);
  ASSERT_TRUE(meter.has_value()) << meter.error().message;
  EXPECT_EQ((*meter)->source(), "rapl");
  EXPECT_EQ((*meter)->read_total()->value(), 0.0);

  write("powercap/intel-rapl:0/energy_uj", "3601000000");   // 3600 J
  write("powercap/intel-rapl:1/energy_uj", "7205000000");   // 7200 J
  write("powercap/intel-rapl:0:0/energy_uj", "900000000");  // within package 0
  write("powercap/intel-rapl:2/energy_uj", "900000000");    // around both
  EXPECT_NEAR((*meter)->read_total()->value(), 3.0, kTolerance);
}

TEST_F(RaplMeterTest, CountsAcrossAWrapOfEachCounter) {
  add_package(0, "3599999999", "3599999999");  // wraps after 3600 J = 1 Wh
  add_package(1, "10", "7199999999");
  auto meter = make_rapl_meter(root_);
  ASSERT_TRUE(meter.has_value()) << meter.error().message;
  write("powercap/intel-rapl:0/energy_uj", "1799999999");  // half way round: 0.5 Wh
  EXPECT_NEAR((*meter)->read_total()->value(), 0.5, kTolerance);
  write("powercap/intel-rapl:0/energy_uj", "1799999998");  // round but for one uJ
  EXPECT_NEAR((*meter)->read_total()->value(), 1.5, 1e-9);
}

TEST_F(RaplMeterTest, NamesTheFileThatIsMissingOrGarbage) {
  auto none = make_rapl_meter(root_);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_NE(none.error().message.find("powercap"), std::string::npos);

  add_package(0, "12", "100");
  auto meter = make_rapl_meter(root_);
  ASSERT_TRUE(meter.has_value());
  write("powercap/intel-rapl:0/energy_uj", "twelve");
  auto reading = (*meter)->read_total();
  ASSERT_FALSE(reading.has_value());
  EXPECT_EQ(reading.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(reading.error().message.find("energy_uj"), std::string::npos);
  EXPECT_NE(reading.error().message.find("twelve"), std::string::npos);
  EXPECT_FALSE(make_rapl_meter(root_).has_value());

  remove("powercap/intel-rapl:0/energy_uj");
  reading = (*meter)->read_total();
  ASSERT_FALSE(reading.has_value());
  EXPECT_EQ(reading.error().code, ErrorCode::kUnavailable);

  write("powercap/intel-rapl:0/energy_uj", std::string(kMaxSysfsBytes + 1, '1'));
  EXPECT_FALSE((*meter)->read_total().has_value());
}

TEST_F(BatteryMeterTest, SumsWhatEnergyAndChargeGaugesLose) {
  write("power_supply/BAT0/type", "Battery");
  write("power_supply/BAT0/status", "Discharging");
  write("power_supply/BAT0/energy_now", "40000000");
  write("power_supply/BAT1/type", "Battery");  // no status: only the level speaks
  write("power_supply/BAT1/charge_now", "4000000");
  write("power_supply/BAT1/voltage_now", "3800000");
  write("power_supply/AC/type", "Mains");
  write("power_supply/mouse/type", "Battery");
  write("power_supply/mouse/scope", "Device");
  write("power_supply/mouse/energy_now", "1000000");
  auto meter = make_battery_meter(root_);
  ASSERT_TRUE(meter.has_value()) << meter.error().message;

  write("power_supply/BAT0/energy_now", "39500000");  // 0.5 Wh
  write("power_supply/BAT1/charge_now", "3900000");   // 0.1 Ah * 3.8 V
  write("power_supply/mouse/energy_now", "0");
  EXPECT_NEAR((*meter)->read_total()->value(), 0.5 + 0.38, kTolerance);
  write("power_supply/BAT0/energy_now", "39600000");  // noise upwards
  EXPECT_NEAR((*meter)->read_total()->value(), 0.88, kTolerance);
}

TEST_F(BatteryMeterTest, FailsWhileChargingAndGoesOnFromThere) {
  write("power_supply/BAT0/type", "Battery");
  write("power_supply/BAT0/status", "Discharging");
  write("power_supply/BAT0/energy_now", "40000000");
  auto meter = make_battery_meter(root_);
  ASSERT_TRUE(meter.has_value()) << meter.error().message;
  write("power_supply/BAT0/status", "Charging");
  write("power_supply/BAT0/energy_now", "30000000");
  const auto reading = (*meter)->read_total();
  ASSERT_FALSE(reading.has_value());
  EXPECT_EQ(reading.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(reading.error().message.find("Charging"), std::string::npos);
  write("power_supply/BAT0/status", "Discharging");
  write("power_supply/BAT0/energy_now", "29000000");
  EXPECT_NEAR((*meter)->read_total()->value(), 1.0, kTolerance);
}

TEST_F(BatteryMeterTest, NeedsABatteryWithALevel) {
  write("power_supply/AC/type", "Mains");
  EXPECT_EQ(make_battery_meter(root_).error().code, ErrorCode::kNotFound);
  write("power_supply/BAT0/type", "Battery");
  EXPECT_NE(make_battery_meter(root_).error().message.find("charge_now"), std::string::npos);
}

TEST_F(HwmonMeterTest, IntegratesPowerByTrapezoids) {
  write("hwmon/hwmon0/name", "coretemp");
  write("hwmon/hwmon1/name", "amdgpu");
  write("hwmon/hwmon1/power1_input", "100000000");
  write("hwmon/hwmon2/name", "ina219");
  write("hwmon/hwmon2/power1_input", "2000000");
  auto meter = make_hwmon_meter(root_, clock());
  ASSERT_TRUE(meter.has_value()) << meter.error().message;
  now_ += 1h;
  write("hwmon/hwmon2/power1_input", "4000000");
  EXPECT_NEAR((*meter)->read_total()->value(), 3.0, kTolerance);  // (2 W + 4 W) / 2 for 1 h
  now_ += 30min;
  EXPECT_NEAR((*meter)->read_total()->value(), 5.0, kTolerance);
}

TEST_F(HwmonMeterTest, MultipliesVoltageAndCurrentOfAnIna3221) {
  write("hwmon/hwmon0/name", "ina3221");
  for (const char* channel : {"1", "2"}) {
    write("hwmon/hwmon0/in" + std::string(channel) + "_input", "5000");
    write("hwmon/hwmon0/curr" + std::string(channel) + "_input", "400");
  }
  auto both = make_hwmon_meter(root_, clock());
  write("hwmon/hwmon0/in1_label", "VDD_IN");
  auto input_only = make_hwmon_meter(root_, clock());
  ASSERT_TRUE(both.has_value() && input_only.has_value());
  now_ += 1h;
  EXPECT_NEAR((*both)->read_total()->value(), 4.0, kTolerance);
  EXPECT_NEAR((*input_only)->read_total()->value(), 2.0, kTolerance);
}

TEST_F(HwmonMeterTest, LeavesOutTheTimeThatItCouldNotRead) {
  write("hwmon/hwmon0/name", "ina226");
  write("hwmon/hwmon0/power1_input", "1000000");
  auto meter = make_hwmon_meter(root_, clock());
  ASSERT_TRUE(meter.has_value());
  now_ += 1h;
  write("hwmon/hwmon0/power1_input", "");
  EXPECT_EQ((*meter)->read_total().error().code, ErrorCode::kCorrupt);
  now_ += 1h;
  write("hwmon/hwmon0/power1_input", "1000000");
  EXPECT_NEAR((*meter)->read_total()->value(), 1.0, kTolerance);
}

TEST_F(HwmonMeterTest, NeedsAPowerSensor) {
  write("hwmon/hwmon0/name", "coretemp");
  EXPECT_EQ(make_hwmon_meter(root_, clock()).error().code, ErrorCode::kNotFound);
}

TEST_F(ConstantMeterTest, IsPowerTimesTime) {
  auto meter = make_constant_meter(7.5, clock());
  ASSERT_TRUE(meter.has_value());
  now_ += 20min;
  EXPECT_NEAR((*meter)->read_total()->value(), 2.5, kTolerance);
}

TEST_F(ConstantMeterTest, RefusesPowerThatIsNotAboveZero) {
  EXPECT_EQ(make_constant_meter(0.0).error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(make_constant_meter(-1.0).has_value());
  EXPECT_FALSE(make_constant_meter(std::numeric_limits<double>::infinity()).has_value());
}

// Counts its readings, and fails while told to.
class FakeMeter : public ports::EnergyMeter {
 public:
  FakeMeter(std::atomic<int>& readings, std::atomic<bool>& broken)
      : readings_(readings), broken_(broken) {}
  Result<WattHours> read_total() override {
    ++readings_;
    if (broken_) return fail(ErrorCode::kUnavailable, "unplugged");
    return WattHours(1.0);
  }
  std::string_view source() const override { return "fake"; }

 private:
  std::atomic<int>& readings_;
  std::atomic<bool>& broken_;
};

// Polls; false if `condition` does not come true in time.
bool becomes_true(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST_F(SampledMeterTest, ReadsByItselfAndReportsAGapOnce) {
  std::atomic<int> readings = 0;
  std::atomic<bool> broken = false;
  const MeterPtr meter = keep_sampling(std::make_unique<FakeMeter>(readings, broken), 1ms);
  EXPECT_EQ(meter->source(), "fake");
  ASSERT_TRUE(becomes_true([&] { return readings >= 3; }));
  EXPECT_EQ(meter->read_total()->value(), 1.0);

  broken = true;
  const int before = readings;
  ASSERT_TRUE(becomes_true([&] { return readings >= before + 2; }));
  broken = false;
  const auto gap = meter->read_total();
  ASSERT_FALSE(gap.has_value());
  EXPECT_EQ(gap.error().message, "unplugged");
  EXPECT_TRUE(meter->read_total().has_value());
}

TEST_F(SampledMeterTest, EndsAtOnceWhenDestroyed) {
  std::atomic<int> readings = 0;
  std::atomic<bool> broken = false;
  const auto start = std::chrono::steady_clock::now();
  keep_sampling(std::make_unique<FakeMeter>(readings, broken), 1h).reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);
}

TEST_F(MeterTest, FactoryMakesWhatTheOptionsName) {
  add_package(0, "1", "100");
  const auto rapl = make_meter({.kind = MeterKind::kRapl, .root = root_});
  ASSERT_TRUE(rapl.has_value()) << rapl.error().message;
  EXPECT_EQ((*rapl)->source(), "rapl");
  EXPECT_EQ((*make_meter({.kind = MeterKind::kConstant, .constant_watts = 5}))->source(),
            "constant");
  EXPECT_EQ(*make_meter({.kind = MeterKind::kModel}), nullptr);
  EXPECT_FALSE(make_meter({.kind = MeterKind::kBattery, .root = root_}).has_value());
  EXPECT_FALSE(make_meter({.kind = MeterKind::kHwmon, .root = root_}).has_value());
}

}  // namespace
}  // namespace skiptrain::energy
