// What the command lines of skipctl and skiptrain-sim have in common: how failures are told, and
// the checks that CLI11 does not make.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/failure.h"
#include "ctl/render.h"

namespace CLI {
class App;
}

namespace skiptrain::ctl {

// Tells a failure on standard error, as words or as one line of JSON, and returns its exit code.
// `program` is what the user typed, "skipctl" or "skipctl sim".
ExitCode report_failure(const std::string& program, const Failure& failure, bool json,
                        Screen& screen);

// A usage error can come before -o is parsed; a script that asked for JSON gets it all the same.
bool wants_json(const std::vector<std::string>& arguments);

// CLI11 reads "-1" into an unsigned number as 2^64 - 1. To be asked after parsing.
std::optional<Failure> find_negative_count(const CLI::App& app);

}  // namespace skiptrain::ctl
