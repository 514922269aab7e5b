// The port to a meter that measures energy instead of modelling it.
//
// A meter is a counter that only grows: the energy of a train round is the difference of two
// readings around it. It measures the whole device or package, whatever else runs there.
#pragma once

#include <string>

#include "base/error.h"
#include "base/units.h"

namespace skiptrain::ports {

class EnergyMeter {
 public:
  virtual ~EnergyMeter() = default;

  // "rapl", "battery", ...: what skipctl energy shows as the source.
  virtual std::string name() const = 0;
  // Energy since some fixed point in the past. May be called from any one thread at a time.
  // kUnavailable if the sensor cannot be read just now.
  virtual Result<WattHours> total() = 0;
};

}  // namespace skiptrain::ports
