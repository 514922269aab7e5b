// skiptraind: one node of a decentralized-learning cluster. See README.md.
//
// Exit codes: 0 ended as asked, 1 could not start or go on, 2 bad usage or config.

#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>

#include "base/version.h"
#include "daemon/config/config.h"
#include "daemon/daemon.h"
#include "daemon/logging/logging.h"
#include "learn/memory.h"
#include "transport/process_settings.h"

namespace {

constexpr int kExitError = 1;
constexpr int kExitUsage = 2;

int complain(const std::string& message, int exit_code) {
  std::fprintf(stderr, "skiptraind: %s\n", message.c_str());
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  namespace daemon = skiptrain::daemon;
  namespace learn = skiptrain::learn;
  CLI::App app("One node of a decentralized-learning cluster.", "skiptraind");
  std::string config_path;
  std::string check_path;
  app.set_version_flag("--version", std::string("skiptraind ") + skiptrain::kVersion);
  auto* run = app.add_option("--config", config_path, "run with this TOML file");
  auto* check = app.add_option("--check-config", check_path,
                               "check this TOML file, print its problems, and exit");
  run->excludes(check);
  daemon::StartOptions start;
  bool resumes = true;
  auto* resume =
      app.add_flag("--resume", resumes, "go on with the run where its state says (the default)");
  app.add_flag("--fresh", start.fresh,
               "begin the run again at round 0; its old state is moved aside")
      ->excludes(resume);
  app.add_option("--from-checkpoint", start.from_checkpoint,
                 "begin the run with the model in this safetensors file")
      ->type_name("FILE");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error) : (app.exit(error), kExitUsage);
  }
  if (config_path.empty() && check_path.empty()) {
    return complain("name a config: skiptraind --config FILE (or --check-config FILE)", kExitUsage);
  }

  auto config = daemon::load_config(config_path.empty() ? check_path : config_path);
  if (!config) return complain(config.error().message, kExitUsage);
  if (!check_path.empty()) {
    std::printf("%s: ok\n", check_path.c_str());
    return 0;
  }
  learn::keep_freed_memory();
  skiptrain::transport::read_whole_frames();
  if (skiptrain::Status opened = daemon::start_logging(config->log, config->node.name); !opened) {
    return complain(opened.error().message, kExitError);
  }
  if (skiptrain::Status ended = daemon::run_daemon(std::move(*config), start); !ended) {
    return complain(ended.error().message, kExitError);
  }
  return 0;
}
