// The files that the HTML report is put together from, embedded at build time (embed.cmake).
#pragma once

#include <string_view>

namespace skiptrain::ctl::page {

std::string_view skeleton();         // report.html; {{NAME}} marks where a part goes
std::string_view style();            // report.css
std::string_view format_script();    // format.js
std::string_view lines_script();     // lines.js
std::string_view figures_script();   // figures.js
std::string_view topology_script();  // topology.js
std::string_view report_script();    // report.js

// D3 (https://d3js.org) as the package libjs-d3 has it, and that package's copyright notice, which
// its licence asks to be passed on.
std::string_view charting_library();
std::string_view charting_licence();

}  // namespace skiptrain::ctl::page
