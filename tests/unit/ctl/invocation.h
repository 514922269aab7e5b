// One call of skipctl in this process, with what it printed.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ctl/app.h"

namespace skiptrain::ctl {

struct Invocation {
  ExitCode exit = ExitCode::kOk;
  std::string out;
  std::string err;

  nlohmann::json json() const { return nlohmann::json::parse(out); }
  nlohmann::json error() const { return nlohmann::json::parse(err); }
};

inline Invocation skipctl(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  Screen screen{.out = out, .err = err};
  const ExitCode exit = run_skipctl(arguments, screen);
  return {exit, out.str(), err.str()};
}

}  // namespace skiptrain::ctl
