#include "daemon/metrics/process_usage.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

namespace skiptrain::daemon {
namespace {

// Positions in /proc/self/stat after the command's name, which may contain anything; field 3 of
// proc(5), the state, is at 0.
enum StatField : std::size_t {
  kUserTicks = 11,
  kSystemTicks = 12,
  kThreads = 17,
  kStartTicks = 19,
  kVirtualBytes = 20,
  kFieldsRead = 21,
};

std::vector<std::string> stat_fields(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  const std::size_t name_end = line.rfind(')');
  std::vector<std::string> fields;
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(line.substr(name_end + 1));
  for (std::string field; fields.size() < kFieldsRead && rest >> field;) fields.push_back(field);
  return fields;
}

// When the machine started, in seconds since 1970.
std::optional<double> boot_time(const std::string& file) {
  std::ifstream in(file);
  std::string key;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    double seconds = 0;
    if (words >> key && key == "btime" && words >> seconds) return seconds;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> files_in(const std::string& folder) {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    ++count;
  }
  return error ? std::nullopt : std::optional(count);
}

}  // namespace

std::optional<Bytes> resident_bytes(const std::string& proc) {
  std::ifstream statm(proc + "/self/statm");
  std::uint64_t all_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(statm >> all_pages >> resident_pages)) return std::nullopt;
  return resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

ProcessUsage process_usage(const std::string& proc) {
  ProcessUsage usage;
  const auto fields = stat_fields(proc + "/self/stat");
  if (fields.size() == kFieldsRead) {
    const auto number = [&](StatField field) {
      return std::strtoull(fields[field].c_str(), nullptr, 10);
    };
    const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
    usage.cpu_seconds =
        static_cast<double>(number(kUserTicks) + number(kSystemTicks)) / ticks_per_second;
    usage.threads = number(kThreads);
    usage.virtual_bytes = number(kVirtualBytes);
    if (const auto boot = boot_time(proc + "/stat")) {
      usage.start_time_seconds =
          *boot + static_cast<double>(number(kStartTicks)) / ticks_per_second;
    }
  }
  usage.resident_bytes = resident_bytes(proc);
  usage.open_fds = files_in(proc + "/self/fd");
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    usage.max_fds = limit.rlim_cur;
  }
  return usage;
}

}  // namespace skiptrain::daemon
