// `version` and `completion`.
#include <sys/stat.h>

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/completion.h"
#include "ctl/node_command.h"

namespace skiptrain::ctl {
namespace {

// Which version the daemon has is worth knowing, but `skipctl version` is also what one runs on a
// machine without one: then only an endpoint that was named has to answer.
Outcome<ExitCode> version(Context& context) {
  if (context.globals.all) {
    NodeCommand<v1::GetVersionResponse> command;
    command.ask = [](Client& client) { return client.version(); };
    command.columns = {"version", ">protocol"};
    command.rows = [](const v1::GetVersionResponse& v) {
      return std::vector<Row>{{Cell(v.version()), Cell(std::to_string(v.protocol_version()))}};
    };
    return run(context, command);
  }
  Json json = {{"skipctl", SKIPTRAIN_VERSION}, {"skiptraind", nullptr}};
  std::string text = std::string("skipctl ") + SKIPTRAIN_VERSION + "\n";
  const auto endpoint = parse_endpoint(context.globals.endpoint);
  struct stat info {};
  const bool is_worth_asking =
      context.globals.endpoint_given ||
      (endpoint && !endpoint->path.empty() && stat(endpoint->path.c_str(), &info) == 0);
  if (is_worth_asking) {
    auto client = connect(context.globals);
    if (!client) return tl::unexpected(client.error());
    const auto answer = client->version();
    if (!answer && context.globals.endpoint_given) return tl::unexpected(answer.error());
    if (answer) {
      json["skiptraind"] = to_json(*answer);
      text += "skiptraind " + answer->version() + " (protocol " +
              std::to_string(answer->protocol_version()) + ")\n";
    }
  }
  context.screen.out << (context.globals.json ? json.dump(2) + "\n" : text);
  return ExitCode::kOk;
}

}  // namespace

void add_about_commands(CLI::App& root, Selection& selection) {
  root.add_subcommand("version", "Versions of skipctl and of the daemon, if one answers")
      ->callback([&selection] { selection.action = version; });
  auto* completion = root.add_subcommand("completion", "A completion script for a shell");
  auto shell = std::make_shared<std::string>();
  completion->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->callback([&selection, shell, &root] {
    selection.action = [shell, &root](Context& context) -> Outcome<ExitCode> {
      context.screen.out << completion_script(*shell, root);
      return ExitCode::kOk;
    };
  });
}

}  // namespace skiptrain::ctl
