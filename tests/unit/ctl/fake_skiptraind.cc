// Stands in for skiptraind in the tests of the testbed: reads a config, serves a made-up run that
// is over at once, and ends on SIGTERM. Nothing is trained.
//
// SKIPTRAIN_FAKE in the environment changes what it does: "dies" (logs a line and exits with 3
// before it serves), "stubborn" (ignores SIGTERM), "runs" (its run is never over).
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "daemon/config/config.h"
#include "tests/unit/ctl/fake_node.h"

int main(int argc, char** argv) {
  using namespace skiptrain;  // NOLINT(google-build-using-namespace): a test program's main
  if (argc != 3 || std::string(argv[1]) != "--config") return 2;
  const char* variable = std::getenv("SKIPTRAIN_FAKE");
  const std::string mode = variable == nullptr ? "" : variable;
  const auto config = daemon::load_config(argv[2]);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return 2;
  }
  const std::uint64_t id = config->node.id.value();
  if (mode == "dies" && id == 1) {
    std::fprintf(stderr, "made-up reason to die\n");
    return 3;
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  ctl::FakeNode node(id, config->control.socket.string());
  node.status.set_total_rounds(config->run.rounds);
  node.status.set_profile(config->node.profile);
  if (mode != "runs") {
    node.status.set_phase(v1::PHASE_FINISHED);
    node.status.set_round(config->run.rounds);
    auto& evaluation = *node.status.mutable_last_evaluation();
    evaluation.set_round(config->run.rounds);
    evaluation.set_accuracy(0.5 + 0.1 * static_cast<double>(id));
    evaluation.set_loss(1.0);
  }
  node.model_file = ctl::safetensors_file({1.0F, static_cast<float>(id)});
  int signal = 0;
  do {
    sigwait(&ends, &signal);
  } while (mode == "stubborn");
  return 0;
}
