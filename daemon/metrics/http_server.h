// The listener of metrics.listen: GET (or HEAD) of /metrics, /livez and /readyz, in plain HTTP/1.1.
//
// What the answers are is asked for in each request; this class serves, and keeps clients in
// bounds: so many are served at once, as many more wait in the kernel's queue, none may send a body
// or take long over its request. Neither TLS nor passwords: what is served changes nothing, and
// belongs on loopback or a network that is trusted.
//
// Threads: one that accepts, a few that answer; callbacks run on these and must be thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "daemon/metrics/readiness.h"

namespace skiptrain::daemon {

struct HttpAddress {
  std::string host;  // name or address, IPv6 without brackets
  int port = 0;      // 0: any free one
};

// What each path asks.
struct HttpAnswers {
  // Does the daemon's main loop answer? Asked before either of the others, so that these never
  // wait for one that does not.
  std::function<bool()> is_alive;
  std::function<Readiness()> readiness;
  std::function<std::string()> metrics;
};

class MetricsServer {
 public:
  // Takes the address; clients are kept waiting until `serve`. kUnavailable with the reason, and
  // what to do, if the address cannot be listened on.
  static Result<MetricsServer> bind(const HttpAddress& at, HttpAnswers answers);

  MetricsServer(MetricsServer&&) noexcept;
  // As `stop`.
  ~MetricsServer();

  // HOST:PORT with the port that was taken, IPv6 in brackets.
  const std::string& address() const;
  // Answers, until `stop`. Call once.
  void serve();
  // Ends requests in progress and joins all threads. Idempotent.
  void stop();

 private:
  struct Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace skiptrain::daemon
