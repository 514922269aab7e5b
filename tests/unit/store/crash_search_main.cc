// crash_search [--expect-violation]: the crash search as a program, for stores that are broken on
// purpose. Prints a line per kind of fault. Exit status 0: no violation, or one if it was expected.
#include <cstdio>
#include <cstring>

#include "tests/unit/store/crash_search.h"

int main(int argc, char** argv) {
  using namespace skiptrain::store::testing;
  const bool expect = argc > 1 && std::strcmp(argv[1], "--expect-violation") == 0;
  constexpr struct {
    Fault fault;
    const char* name;
    std::uint64_t seeds;
  } kKinds[] = {{Fault::kPowerCut, "power cut", 1},
                {Fault::kPowerCutWithTraces, "power cut with traces", 3},
                {Fault::kFailure, "failure", 1},
                {Fault::kFailureThenPowerCut, "failure, then power cut", 1},
                {Fault::kFullDisk, "full disk", 1}};
  std::size_t violations = 0;
  for (const auto& kind : kKinds) {
    const SearchResult result = search(kind.fault, kind.seeds);
    std::printf("%s: %llu cases, %zu violations\n", kind.name,
                static_cast<unsigned long long>(result.cases), result.violations.size());
    for (const auto& violation : result.violations) std::printf("  %s\n", violation.c_str());
    violations += result.violations.size();
  }
  return (violations > 0) == expect ? 0 : 1;
}
