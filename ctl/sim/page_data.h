// What the page's scripts draw: the results as JSON in columns, thinned and rounded to what a plot
// can show. Known to ctl/sim/report/*.js alone; programs read to_json(SimulationResults).
#pragma once

#include <nlohmann/json.hpp>

#include "ctl/sim/results.h"

namespace skiptrain::ctl {

nlohmann::ordered_json page_data(const SimulationResults& results);

}  // namespace skiptrain::ctl
