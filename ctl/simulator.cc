// `sim`: hands over to skiptrain-sim, which has LibTorch in it and would make skipctl slow to
// start.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"

namespace skiptrain::ctl {
namespace {

// Returns only if the program cannot be started.
Outcome<ExitCode> become_simulator(const Context& context, const std::vector<std::string>& words) {
  std::vector<std::string> command = {"skiptrain-sim"};
  if (context.globals.json) command.insert(command.end(), {"-o", "json"});
  command.insert(command.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  context.screen.out.flush();
  std::error_code ignored;
  const auto beside =
      std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "skiptrain-sim";
  ::execv(beside.c_str(), argv.data());
  if (errno == ENOENT) ::execvp("skiptrain-sim", argv.data());
  if (errno == ENOENT) {
    return failure(ExitCode::kNotFound, "skiptrain-sim is neither next to skipctl nor in $PATH",
                   "build it with the target skiptrain-sim");
  }
  return failure(ExitCode::kError,
                 std::string("cannot start skiptrain-sim: ") + std::strerror(errno));
}

}  // namespace

void add_sim_command(CLI::App& root, Selection& selection) {
  auto* sim =
      root.add_subcommand("sim", "Hundreds of virtual nodes in one process; see: sim --help");
  sim->prefix_command();  // its flags are skiptrain-sim's
  sim->fallthrough(false);
  sim->set_help_flag();
  sim->callback([&selection, sim] {
    selection.action = [words = sim->remaining()](Context& context) {
      return become_simulator(context, words);
    };
  });
}

}  // namespace skiptrain::ctl
