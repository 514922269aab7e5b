// Plays the commands of a scenario on one core::Node and tells what the node does.
//
// Commands (TIME is virtual, "12ms" or "3s"; P is a neighbour's id; x is the model, one number):
//   node ID neighbours=P,P rounds=T [policy=NAME train=N sync=N] [budget=WH] [cost=WH]
//        [deadline=TIME|auto] [mode=deadline|barrier|async] [quorum=Q] [max_staleness=N]
//        [start_timeout=TIME] [evaluate_every=N] [seed=N] [come_and_go=1] [epidemic=S]
//   TIME ready x=X [round=T]            TIME failed WORDS...
//   TIME connected P [round=T] [activity=A]          TIME disconnected P
//   TIME peer P round=T activity=A      the neighbour announces itself
//   TIME update P x=X round=T [degree=D]
//   TIME trained x=X [loss=L] [measured=WH]          TIME training-failed WORDS...
//   TIME mixed                          the mix asked for last is computed and handed back
//   TIME asked-for-state P request=N
//   TIME fetched P x=X round=T                       TIME fetch-failed P WORDS...
//   TIME tick | pause | resume | stop | leave
//   TIME schedule from=T policy=NAME train=N sync=N      the operator's directives to the run
//   TIME run run|pause|stop from=T                        TIME lr RATE from=T
//   TIME directive P [run|pause|stop] from=T origin=ID [lamport=N] [policy=NAME train=N sync=N]
//   TIME wanted neighbours=P,P [ready=0]                  TIME gone P
//   TIME edge P [wanted=T] [heard=T]    what the other end wants, and has heard
//   TIME budget WH|none
//   play N                              N rounds in which every neighbour answers, one line each
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/node.h"
#include "tests/scenario/script.h"

namespace skiptrain::scenario {

class Runner {
 public:
  // The output of one block's commands, ending with a line on the node's state. kInvalidArgument
  // naming the command's line if it cannot be understood.
  Result<std::string> run(const Block& block);

 private:
  Status run_command(const Command& command, std::string& output);
  void make_node(const Command& command);
  void step(const Command& command, std::string& output);
  core::Event parse_event(const Command& command) const;
  core::MixFinished finish_mix() const;
  void feed(const core::Event& event, std::string* output);
  void play_rounds(std::uint64_t count, std::string& output);

  std::unique_ptr<core::Node> node_;
  Instant now_{};
  Round training_;                // of the last Train
  std::optional<core::Mix> mix_;  // the last one asked for
  std::optional<core::RoundRecord> last_record_;
};

}  // namespace skiptrain::scenario
