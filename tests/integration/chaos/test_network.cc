#include "tests/integration/chaos/test_network.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "tests/integration/cluster/process.h"

namespace skiptrain::integration {
namespace {

constexpr const char* kIp = "/usr/sbin/ip";
constexpr const char* kIptables = "/usr/sbin/iptables";
constexpr const char* kTc = "/usr/sbin/tc";
constexpr std::size_t kMaxHosts = 200;
constexpr const char* kPrefix = "skt-";

std::string run_or_throw(const std::vector<std::string>& command) {
  const Finished finished = run(command);
  if (finished.exit == Exit{0, 0}) return finished.out;
  std::string text;
  for (const std::string& word : command) text += word + " ";
  throw std::runtime_error(text + "failed: " + finished.err);
}

// Namespaces of tests that are no more. Their names tell the process.
void remove_orphans() {
  std::istringstream names(run_or_throw({kIp, "netns", "list"}));
  for (std::string line; std::getline(names, line);) {
    const std::string name = line.substr(0, line.find(' '));
    if (!name.starts_with(kPrefix)) continue;
    const int pid = std::atoi(name.c_str() + std::string(kPrefix).size());
    if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH) run({kIp, "netns", "del", name});
  }
}

std::string joined(const std::vector<TestNetwork::Host>& hosts) {
  std::string text;
  for (const auto host : hosts) text += (text.empty() ? "" : ",") + TestNetwork::address(host);
  return text;
}

}  // namespace

std::string TestNetwork::why_unavailable() {
  if (geteuid() != 0) return "network namespaces need root";
  for (const char* tool : {kIp, kIptables, kTc}) {
    if (!std::filesystem::exists(tool)) return std::string(tool) + " is not installed";
  }
  try {
    TestNetwork network(2);
    network.cut_off(0);
    network.lose_udp(0, 0.1);
    network.limit_rate(0, 1);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TestNetwork::TestNetwork(std::size_t hosts) : hosts_(hosts) {
  if (hosts > kMaxHosts) throw std::runtime_error("too many hosts");
  remove_orphans();
  try {
    std::string spaces = "netns add " + bridge_name() + "\n";
    for (Host host = 0; host < hosts_; ++host) spaces += "netns add " + host_name(host) + "\n";
    ip("", spaces);
    std::string links = "link add bridge type bridge\nlink set bridge up\n";
    for (Host host = 0; host < hosts_; ++host) {
      const std::string port = "port" + std::to_string(host);
      links += "link add " + port + " type veth peer name eth0 netns " + host_name(host) + "\n";
      links += "link set " + port + " master bridge up\n";
    }
    ip(bridge_name(), links);
    for (Host host = 0; host < hosts_; ++host) {
      ip(host_name(host),
         "link set lo up\naddress add " + address(host) + "/24 dev eth0\nlink set eth0 up\n");
    }
  } catch (...) {
    remove();
    throw;
  }
}

TestNetwork::~TestNetwork() {
  remove();
}

void TestNetwork::remove() noexcept {
  // The hosts first: their ends of the links go, and with them the others.
  for (Host host = 0; host < hosts_; ++host) run({kIp, "netns", "del", host_name(host)});
  run({kIp, "netns", "del", bridge_name()});
}

std::string TestNetwork::address(Host host) {
  return "10.83.84." + std::to_string(host + 1);
}

std::string TestNetwork::host_name(Host host) const {
  return kPrefix + std::to_string(getpid()) + "-" + std::to_string(host);
}

std::string TestNetwork::bridge_name() const {
  return kPrefix + std::to_string(getpid()) + "-bridge";
}

std::vector<std::string> TestNetwork::on(Host host) const {
  return {kIp, "netns", "exec", host_name(host)};
}

void TestNetwork::ip(const std::string& space, const std::string& commands) const {
  const std::string file = dir_ / "commands";
  write_file(file, commands);
  std::vector<std::string> command = {kIp};
  if (!space.empty()) command.insert(command.end(), {"-n", space});
  command.insert(command.end(), {"-batch", file});
  run_or_throw(command);
}

void TestNetwork::drop_incoming(Host host, const std::vector<std::string>& match) const {
  std::vector<std::string> command = on(host);
  command.insert(command.end(), {kIptables, "--wait", "--append", "INPUT"});
  command.insert(command.end(), match.begin(), match.end());
  command.insert(command.end(), {"--jump", "DROP"});
  run_or_throw(command);
}

void TestNetwork::cut_one_way(Host from, const std::vector<Host>& to) {
  for (const Host host : to) drop_incoming(host, {"--source", address(from)});
}

void TestNetwork::cut_off(Host host) {
  drop_incoming(host, {"--in-interface", "eth0"});
  for (Host other = 0; other < hosts_; ++other) {
    if (other != host) drop_incoming(other, {"--source", address(host)});
  }
}

void TestNetwork::partition(const std::vector<Host>& left, const std::vector<Host>& right) {
  for (const Host host : left) drop_incoming(host, {"--source", joined(right)});
  for (const Host host : right) drop_incoming(host, {"--source", joined(left)});
}

void TestNetwork::block_udp(Host host) {
  drop_incoming(host, {"--protocol", "udp"});
  for (Host other = 0; other < hosts_; ++other) {
    if (other != host) drop_incoming(other, {"--protocol", "udp", "--source", address(host)});
  }
}

void TestNetwork::lose_udp(Host host, double share) {
  drop_incoming(host, {"--protocol", "udp", "--match", "statistic", "--mode", "random",
                       "--probability", std::to_string(share)});
}

void TestNetwork::limit_rate(Host host, double megabits_per_second) {
  const std::string rate = std::to_string(megabits_per_second) + "mbit";
  const auto limit = [&](const std::string& space, const std::string& device) {
    run_or_throw({kTc, "-n", space, "qdisc", "replace", "dev", device, "root", "tbf", "rate", rate,
                  "burst", "16kb", "latency", "400ms"});
  };
  limit(host_name(host), "eth0");
  limit(bridge_name(), "port" + std::to_string(host));
}

void TestNetwork::heal() {
  for (Host host = 0; host < hosts_; ++host) {
    std::vector<std::string> command = on(host);
    command.insert(command.end(), {kIptables, "--wait", "--flush", "INPUT"});
    run_or_throw(command);
    // Where there is no limit there is none to remove.
    run({kTc, "-n", host_name(host), "qdisc", "del", "dev", "eth0", "root"});
    run({kTc, "-n", bridge_name(), "qdisc", "del", "dev", "port" + std::to_string(host), "root"});
  }
}

}  // namespace skiptrain::integration
