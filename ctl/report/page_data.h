// What the page's scripts draw: the results as JSON in columns, thinned and rounded to what a plot
// can show. Known to ctl/report/*.js alone; programs read the simulator's JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "ctl/report/page.h"

namespace skiptrain::ctl {

nlohmann::ordered_json page_data(const Page& page);

}  // namespace skiptrain::ctl
