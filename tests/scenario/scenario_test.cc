// scenario_test FILE: plays a scenario of the core and compares what happens with what the file
// says. With SKIPTRAIN_REWRITE_SCENARIOS=1 in the environment it rewrites the file instead; read
// the difference before committing it.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/scenario/runner.h"
#include "tests/scenario/script.h"

namespace {

using namespace skiptrain;
using namespace skiptrain::scenario;

int complain(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

int play(const std::string& path, bool rewrite) {
  std::ifstream in(path);
  if (!in) return complain(path + ": cannot be read");
  std::stringstream text;
  text << in.rdbuf();
  const auto script = parse_script(text.str(), path);
  if (!script) return complain(script.error().message);
  if (script->blocks.empty()) return complain(path + ": holds no commands");

  Runner runner;
  std::vector<std::string> outputs;
  int mismatches = 0;
  for (const Block& block : script->blocks) {
    const auto output = runner.run(block);
    if (!output) return complain(path + ": " + output.error().message);
    outputs.push_back(*output);
    if (rewrite || *output == block.expected) continue;
    ++mismatches;
    std::fprintf(stderr, "%s:%zu: %s\n%s", path.c_str(), block.commands.front().line,
                 block.commands.front().text.c_str(), line_diff(block.expected, *output).c_str());
  }
  if (rewrite) {
    std::ofstream out(path);
    out << print_script(*script, outputs);
    return out.flush() ? 0 : complain(path + ": cannot be written");
  }
  if (mismatches > 0) {
    return complain(std::to_string(mismatches) +
                    " blocks differ (- the file, + the core). If the " +
                    "core is right, rewrite with SKIPTRAIN_REWRITE_SCENARIOS=1.");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return complain("usage: scenario_test FILE");
  const char* rewrite = std::getenv("SKIPTRAIN_REWRITE_SCENARIOS");
  return play(argv[1], rewrite != nullptr && std::string(rewrite) == "1");
}
