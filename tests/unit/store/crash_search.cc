#include "tests/unit/store/crash_search.h"

#include <cerrno>
#include <optional>

#include "tests/unit/store/crash_script.h"

namespace skiptrain::store::testing {
namespace {

void set_fault(FaultDisk& disk, Fault fault, std::uint64_t operation) {
  switch (fault) {
    case Fault::kPowerCut:
    case Fault::kPowerCutWithTraces:
      return disk.cut_power_at(operation);
    case Fault::kFailure:
    case Fault::kFailureThenPowerCut:
      return disk.fail_at(operation, EIO);
    case Fault::kFullDisk:
      return disk.fail_at(operation, ENOSPC);
  }
}

void restart(FaultDisk& disk, Fault fault, std::uint64_t seed) {
  switch (fault) {
    case Fault::kPowerCut:
    case Fault::kFailureThenPowerCut:
      return disk.restore_power();
    case Fault::kPowerCutWithTraces:
      return disk.restore_power(seed);
    case Fault::kFailure:
    case Fault::kFullDisk:
      return disk.heal();
  }
}

}  // namespace

SearchResult search(Fault fault, std::uint64_t seeds, bool ignore_syncs) {
  SearchResult result;
  // Two lives, so that opening what is there, and not only making it, is searched as well.
  const auto live = [](CrashScript& script) {
    script.live(kScriptRounds / 2, true);
    if (!script.died()) script.live(kScriptRounds, true);
  };
  for (std::uint64_t operation = 1;; ++operation) {
    bool fired = false;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      FaultDisk disk;
      if (ignore_syncs) disk.ignore_syncs();
      set_fault(disk, fault, operation);
      CrashScript script(disk);
      live(script);
      if (!disk.fired()) break;
      fired = true;
      ++result.cases;
      ++result.faults_fired;
      result.refused_by_full_disk += script.refused_by_full_disk();
      restart(disk, fault, seed * 1'000'003 + operation);
      for (const std::string& wrong : script.judge()) {
        if (result.violations.size() >= kMaxViolations) break;
        result.violations.push_back("operation " + std::to_string(operation) + " (" +
                                    to_string(FileError{*disk.fired(), 0}) + "), seed " +
                                    std::to_string(seed) + ": " + wrong);
      }
    }
    if (!fired) return result;
  }
}

}  // namespace skiptrain::store::testing
