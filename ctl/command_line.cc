#include "ctl/command_line.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace skiptrain::ctl {

ExitCode report_failure(const std::string& program, const Failure& failure, bool json,
                        Screen& screen) {
  screen.out.flush();
  if (json) {
    const nlohmann::ordered_json error = {
        {"code", to_string(failure.exit)}, {"message", failure.message}, {"hint", failure.hint}};
    screen.err << error.dump() << '\n';
    return failure.exit;
  }
  screen.err << program << ": " << failure.message << '\n';
  if (!failure.hint.empty()) screen.err << "hint: " << failure.hint << '\n';
  return failure.exit;
}

bool wants_json(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "-ojson" || word == "-o=json" || word == "--output=json") return true;
    const bool names_output = word == "-o" || word == "--output";
    if (names_output && i + 1 < arguments.size() && arguments[i + 1] == "json") return true;
  }
  return false;
}

std::optional<Failure> find_negative_count(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& value : option->results()) {
      if (option->get_type_name() == "UINT" && value.starts_with('-')) {
        return Failure{ExitCode::kUsage, option->get_name() + " " + value + ": must be 0 or more",
                       "see: skipctl --help"};
      }
    }
  }
  for (const CLI::App* command : app.get_subcommands()) {
    if (auto found = find_negative_count(*command)) return found;
  }
  return std::nullopt;
}

}  // namespace skiptrain::ctl
