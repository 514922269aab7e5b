// `config check`: the daemon's own reading of a configuration file, without starting anything.
#include <memory>
#include <sstream>
#include <string>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/json.h"
#include "daemon/config/config.h"

namespace skiptrain::ctl {
namespace {

Outcome<ExitCode> check(Context& context, const std::string& file) {
  const auto config = daemon::load_config(file);
  if (!config) {
    if (config.error().code == ErrorCode::kNotFound) {
      return tl::unexpected(to_failure(config.error()));
    }
    // The message is the list of all problems, one line each, "FILE:LINE: ...".
    if (!context.globals.json) {
      return failure(ExitCode::kError, config.error().message,
                     "every key is explained in deploy/examples/skiptraind.toml");
    }
    Json problems = Json::array();
    std::istringstream lines(config.error().message);
    for (std::string line; std::getline(lines, line);) problems.push_back(line);
    context.screen.out
        << Json{{"file", file}, {"ok", false}, {"problems", std::move(problems)}}.dump(2) << '\n';
    return ExitCode::kError;
  }
  if (context.globals.json) {
    context.screen.out << Json{{"file", file}, {"ok", true}, {"problems", Json::array()}}.dump(2)
                       << '\n';
  } else {
    context.screen.out << file << ": ok: " << config->node.name << " (id "
                       << config->node.id.value() << ") of " << config->cluster.nodes.size()
                       << " nodes, run " << config->run.id << ", " << config->run.rounds
                       << " rounds of " << config->model.label() << '\n';
  }
  return ExitCode::kOk;
}

}  // namespace

void add_config_command(CLI::App& root, Selection& selection) {
  auto* config = root.add_subcommand("config", "Configuration files");
  auto* command = config->add_subcommand("check", "List every problem of a file, with its line");
  auto file = std::make_shared<std::string>();
  command->add_option("FILE", *file, "A daemon's TOML file")->required();
  command->callback([&selection, file] {
    selection.action = [file](Context& context) { return check(context, *file); };
  });
}

}  // namespace skiptrain::ctl
