#include "ctl/report/page.h"

#include <functional>
#include <map>
#include <string_view>

#include "base/check.h"
#include "ctl/report/page_data.h"
#include "ctl/report/page_parts.h"

namespace skiptrain::ctl {
namespace {

using Json = nlohmann::ordered_json;
using Parts = std::map<std::string_view, std::string, std::less<>>;

// `text` with {{NAME}} replaced by its part. What was put in is not looked at again, so that a
// label cannot name a part.
std::string filled(std::string_view text, const Parts& parts) {
  constexpr std::string_view kOpen = "{{";
  constexpr std::string_view kClose = "}}";
  std::string page;
  for (;;) {
    const std::size_t open = text.find(kOpen);
    page += text.substr(0, open);
    if (open == std::string_view::npos) return page;
    text.remove_prefix(open + kOpen.size());
    const std::size_t close = text.find(kClose);
    SKIPTRAIN_CHECK(close != std::string_view::npos, "a mark in report.html is not closed");
    const auto part = parts.find(text.substr(0, close));
    SKIPTRAIN_CHECK(part != parts.end(), "report.html names an unknown part");
    page += part->second;
    text.remove_prefix(close + kClose.size());
  }
}

// For a <script> element, which ends at the first "</script" whatever it means in JSON. Everything
// beyond ASCII is escaped too: some JavaScript parsers take U+2028 for a line end.
std::string script_safe(const Json& json) {
  constexpr int kCompact = -1;
  constexpr bool kAsciiOnly = true;
  const std::string text = json.dump(kCompact, ' ', kAsciiOnly, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

}  // namespace

std::string page_html(const Page& page) {
  return filled(ctl::page::skeleton(), {{"title", escaped(page.title)},
                                        {"style", std::string(ctl::page::style())},
                                        {"licence", escaped(ctl::page::charting_licence())},
                                        {"library", std::string(ctl::page::charting_library())},
                                        {"data", script_safe(page_data(page))},
                                        {"format", std::string(ctl::page::format_script())},
                                        {"lines", std::string(ctl::page::lines_script())},
                                        {"figures", std::string(ctl::page::figures_script())},
                                        {"topology", std::string(ctl::page::topology_script())},
                                        {"report", std::string(ctl::page::report_script())}});
}

}  // namespace skiptrain::ctl
