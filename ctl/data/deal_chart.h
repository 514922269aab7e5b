// A deal as the papers draw it: nodes from left to right, classes from bottom to top, and a dot
// whose area is the number of samples. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "ctl/data/deal.h"

namespace skiptrain::ctl {

// For a terminal of `width` columns; lines without line ends. Nodes beyond the width are left out.
std::vector<std::string> chart_lines(const Deal& deal, int width, bool unicode);
// How many nodes those lines show.
std::size_t nodes_shown(const Deal& deal, int width);

// A picture that needs nothing outside itself. `title` is plain text.
std::string chart_svg(const Deal& deal, const std::string& title);
// A page with that picture.
std::string chart_html(const Deal& deal, const std::string& title);

}  // namespace skiptrain::ctl
