// write_samples DIR: the sample reports as DIR/NAME.{html,json,csv}, to be looked at.
#include <cstdio>
#include <string>
#include <utility>

#include "ctl/files.h"
#include "ctl/sim/report.h"
#include "samples.h"

using namespace skiptrain::ctl;  // NOLINT(google-build-using-namespace): a program of one function

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_samples DIR\n");
    return 2;
  }
  const std::pair<const char*, SimulationResults> samples[] = {
      {"comparison", sample_comparison()},
      {"sweep", sample_sweep()},
      {"without_evaluation", sample_without_evaluation()},
      {"quadratic", sample_quadratic()},
      {"nothing", {.command = "skipctl sim", .version = "0"}},
  };
  for (const auto& [name, results] : samples) {
    const std::string path = std::string(argv[1]) + "/" + name;
    for (const auto& [ending, text] : {std::pair{".html", to_html(results)},
                                       {".json", to_json(results).dump(2) + "\n"},
                                       {".csv", to_csv(results)}}) {
      if (const auto written = write_file(path + ending, text); !written) {
        std::fprintf(stderr, "%s\n", written.error().message.c_str());
        return 1;
      }
    }
  }
}
