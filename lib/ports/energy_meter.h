// The port to a meter that measures energy instead of modelling it.
//
// A meter is a counter that only grows: the energy of a train round is the difference of two
// readings around it. It measures the whole device or package, whatever else runs there.
#pragma once

#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace skiptrain::ports {

class EnergyMeter {
 public:
  virtual ~EnergyMeter() = default;

  // Energy since some fixed point in the past. May be called from any one thread at a time.
  // kUnavailable, naming the file and the cause, if it cannot be read just now (a charger was
  // plugged in, a sensor went away); what was drawn since the last good reading is then not
  // counted.
  virtual Result<WattHours> read_total() = 0;

  // "rapl", "battery", "hwmon" or "constant": what skipctl energy shows as the source.
  virtual std::string_view source() const = 0;
};

}  // namespace skiptrain::ports
