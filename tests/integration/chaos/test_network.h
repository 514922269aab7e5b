// A network for a test, and what may happen to it: hosts with one address each, which are network
// namespaces joined by a bridge, so that packets really are lost and really wait in a queue.
//
// Needs root, iproute2 and iptables; why_unavailable() says what is missing. Nothing leaves the
// namespaces. They go with the object, and those of a test that was killed with the next object.
// Hosts are numbered from 0. Throws std::runtime_error where a command fails.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/integration/cluster/files.h"

namespace skiptrain::integration {

class TestNetwork {
 public:
  using Host = std::size_t;

  // "" if there can be such networks here.
  static std::string why_unavailable();

  explicit TestNetwork(std::size_t hosts);
  ~TestNetwork();
  TestNetwork(const TestNetwork&) = delete;
  TestNetwork& operator=(const TestNetwork&) = delete;

  std::size_t size() const { return hosts_; }
  static std::string address(Host host);
  // The words before a command that is to run on `host`. It keeps the process id it was given.
  std::vector<std::string> on(Host host) const;

  // What goes wrong, on top of what does already, until heal().
  void cut_one_way(Host from, const std::vector<Host>& to);  // `to` hear nothing of `from`
  void cut_off(Host host);
  void partition(const std::vector<Host>& left, const std::vector<Host>& right);
  void block_udp(Host host);                               // neither in nor out
  void lose_udp(Host host, double share);                  // of what comes in, 0 to 1
  void limit_rate(Host host, double megabits_per_second);  // each way
  void heal();

 private:
  std::string host_name(Host host) const;
  std::string bridge_name() const;
  // Commands of ip(8), one per line, in this namespace; "" is the test's own.
  void ip(const std::string& space, const std::string& commands) const;
  void drop_incoming(Host host, const std::vector<std::string>& match) const;
  void remove() noexcept;

  const std::size_t hosts_;
  TestDir dir_;
};

}  // namespace skiptrain::integration
