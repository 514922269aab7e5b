// `pause`, `resume`, `stop`, `checkpoint` and `log level`: one RPC each, one sentence back.
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/node_command.h"

namespace skiptrain::ctl {
namespace {

template <typename Answer>
void add(CLI::App& root, Selection& selection, const char* name, const char* what,
         const NodeCommand<Answer>& command) {
  root.add_subcommand(name, what)->callback([&selection, command] {
    selection.action = [command](Context& context) { return run(context, command); };
  });
}

}  // namespace

void add_steering_commands(CLI::App& root, Selection& selection) {
  add(root, selection, "pause", "Rest when the round in progress ends",
      sentence_command<v1::PauseResponse>([](Client& client) { return client.pause(); },
                                          [](const v1::PauseResponse& r) {
                                            return "pauses after round " +
                                                   std::to_string(r.after_round());
                                          }));
  add(root, selection, "resume", "Go on after a pause",
      sentence_command<v1::ResumeResponse>([](Client& client) { return client.resume(); },
                                           [](const v1::ResumeResponse& r) {
                                             return "goes on in round " + std::to_string(r.round());
                                           }));
  add(root, selection, "stop", "End the node's part in the run; the daemon stays up",
      sentence_command<v1::StopResponse>([](Client& client) { return client.stop(); },
                                         [](const v1::StopResponse& r) {
                                           return "stops after round " +
                                                  std::to_string(r.after_round());
                                         }));

  add(root, selection, "checkpoint", "Write the committed model to the node's disk now",
      sentence_command<v1::CheckpointResponse>([](Client& client) { return client.checkpoint(); },
                                               [](const v1::CheckpointResponse& r) {
                                                 return "round " + std::to_string(r.round()) +
                                                        " is in " + r.path();
                                               }));

  auto* log = root.add_subcommand("log", "The daemon's log");
  auto* level = log->add_subcommand("level", "Change how much it logs");
  auto text = std::make_shared<std::string>();
  level->add_option("LEVEL", *text, "trace, debug, info, warn, error or off")->required();
  level->callback([&selection, text] {
    selection.action = [text](Context& context) {
      return run(context, sentence_command<v1::SetLogLevelResponse>(
                              [text](Client& client) { return client.set_log_level(*text); },
                              [text](const v1::SetLogLevelResponse& r) {
                                return "logs from " + *text + " on (was " + r.previous() + ")";
                              }));
    };
  });
}

}  // namespace skiptrain::ctl
