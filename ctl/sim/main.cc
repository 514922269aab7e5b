#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "ctl/sim/app.h"

int main(int argc, char** argv) {
  try {
    skiptrain::ctl::Screen screen = skiptrain::ctl::process_screen();
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    return static_cast<int>(skiptrain::ctl::run_simulator(arguments, screen));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "skipctl sim: %s\n", error.what());
    return static_cast<int>(skiptrain::ctl::ExitCode::kError);
  }
}
