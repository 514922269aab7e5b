// crash_search [--without-fsync]: the crash search as a program. Prints a line per kind of fault.
// Exit status 0: no violation; with the option, under which a sync does nothing, that every kind of
// power cut led to some.
#include <cstdio>
#include <cstring>

#include "tests/unit/store/crash_search.h"

int main(int argc, char** argv) {
  using namespace skiptrain::store::testing;
  const bool without_fsync = argc > 1 && std::strcmp(argv[1], "--without-fsync") == 0;
  constexpr struct {
    Fault fault;
    const char* name;
    std::uint64_t seeds;
  } kKinds[] = {{Fault::kPowerCut, "power cut", 1},
                {Fault::kPowerCutWithTraces, "power cut with traces", 3},
                {Fault::kFailureThenPowerCut, "failure, then power cut", 1},
                {Fault::kFailure, "failure", 1},
                {Fault::kFullDisk, "full disk", 1}};
  bool as_expected = true;
  for (const auto& kind : kKinds) {
    const bool needs_fsync = kind.fault != Fault::kFailure && kind.fault != Fault::kFullDisk;
    if (without_fsync && !needs_fsync) continue;
    const SearchResult result = search(kind.fault, kind.seeds, without_fsync);
    std::printf("%s: %llu cases, %s\n", kind.name, static_cast<unsigned long long>(result.cases),
                result.violations.empty() ? "no violation" : "violations:");
    for (const auto& violation : result.violations) std::printf("  %s\n", violation.c_str());
    if (result.violations.empty() == without_fsync) as_expected = false;
  }
  return as_expected ? 0 : 1;
}
