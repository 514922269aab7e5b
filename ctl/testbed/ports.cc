#include "ctl/testbed/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <utility>

namespace skiptrain::ctl {
namespace {

constexpr std::uint16_t kLowestPort = 10000;
constexpr std::uint16_t kUsualEphemeralStart = 32768;
constexpr int kRandomTries = 64;  // per port, before the kernel is asked for one

std::uint16_t first_ephemeral_port() {
  std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
  std::uint32_t first = 0;
  return range >> first && first <= 65535 ? static_cast<std::uint16_t>(first)
                                          : kUsualEphemeralStart;
}

// A bound socket; it keeps its port from being found twice.
class Claim {
 public:
  explicit Claim(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (fd_ < 0 || bind(fd_, generic, length) != 0) return;
    if (getsockname(fd_, generic, &length) == 0) port_ = ntohs(address.sin_port);
  }
  Claim(Claim&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), port_(std::exchange(other.port_, 0)) {}
  Claim& operator=(Claim&&) = delete;
  ~Claim() {
    if (fd_ >= 0) close(fd_);
  }
  std::uint16_t port() const { return port_; }  // 0: not free

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

Claim claim_any(std::mt19937& random, std::uint16_t end) {
  if (end > kLowestPort) {
    std::uniform_int_distribution<int> pick(kLowestPort, end - 1);
    for (int i = 0; i < kRandomTries; ++i) {
      Claim claim(static_cast<std::uint16_t>(pick(random)));
      if (claim.port() != 0) return claim;
    }
  }
  return Claim(0);
}

}  // namespace

Result<std::vector<std::uint16_t>> find_free_ports(std::size_t count) {
  std::mt19937 random(std::random_device{}());
  const std::uint16_t end = first_ephemeral_port();
  std::vector<Claim> claims;
  std::vector<std::uint16_t> ports;
  claims.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    claims.push_back(claim_any(random, end));
    if (claims.back().port() == 0) {
      return fail(ErrorCode::kResourceExhausted,
                  std::string("no free port on 127.0.0.1: ") + std::strerror(errno));
    }
    ports.push_back(claims.back().port());
  }
  return ports;
}

}  // namespace skiptrain::ctl
