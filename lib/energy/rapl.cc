#include <algorithm>
#include <string>
#include <vector>

#include "energy/meters.h"
#include "energy/sysfs.h"

namespace skiptrain::energy {
namespace {

constexpr double kMicrojoulesPerWattHour = 3600.0 * 1e6;

struct Package {
  std::filesystem::path counter;
  std::int64_t range_uj = 0;  // the counter's largest value
  std::int64_t last_uj = 0;
};

class RaplMeter : public ports::EnergyMeter {
 public:
  explicit RaplMeter(std::vector<Package> packages) : packages_(std::move(packages)) {}

  Result<WattHours> read_total() override {
    // All first, so that a package that cannot be read leaves the others' readings as they were.
    std::vector<std::int64_t> now;
    for (const Package& package : packages_) {
      auto reading = read_integer(package.counter);
      if (!reading) return tl::unexpected<Error>(std::move(reading.error()));
      now.push_back(*reading);
    }
    for (std::size_t i = 0; i < packages_.size(); ++i) {
      Package& package = packages_[i];
      std::int64_t drawn_uj = now[i] - package.last_uj;
      if (drawn_uj < 0) drawn_uj += package.range_uj + 1;
      total_ += WattHours(static_cast<double>(std::max<std::int64_t>(drawn_uj, 0)) /
                          kMicrojoulesPerWattHour);
      package.last_uj = now[i];
    }
    return total_;
  }

  std::string_view source() const override { return "rapl"; }

 private:
  std::vector<Package> packages_;
  WattHours total_;
};

// "intel-rapl:0", but not a part of it ("intel-rapl:0:1") nor the control type "intel-rapl".
bool is_top_zone(const std::string& name) {
  constexpr std::string_view kPrefix = "intel-rapl:";
  return name.starts_with(kPrefix) && name.size() > kPrefix.size() &&
         name.find(':', kPrefix.size()) == std::string::npos;
}

}  // namespace

Result<MeterPtr> make_rapl_meter(const std::filesystem::path& root) {
  const std::filesystem::path folder = root / "class" / "powercap";
  std::vector<Package> packages;
  for (const std::filesystem::path& zone : entries(folder)) {
    if (!is_top_zone(zone.filename().string())) continue;
    const auto name = read_text(zone / "name");
    if (!name) return tl::unexpected<Error>(name.error());
    if (!name->starts_with("package")) continue;
    const auto range = read_integer(zone / "max_energy_range_uj");
    if (!range) return tl::unexpected<Error>(range.error());
    const auto reading = read_integer(zone / "energy_uj");
    if (!reading) return tl::unexpected<Error>(reading.error());
    packages.push_back({zone / "energy_uj", *range, *reading});
  }
  if (packages.empty()) {
    return fail(ErrorCode::kNotFound,
                folder.string() + ": has no RAPL package (intel-rapl:N with a name of package-N)");
  }
  return std::make_unique<RaplMeter>(std::move(packages));
}

}  // namespace skiptrain::energy
