// Measures a sync round: each of N processes sends its update to its neighbours over GrpcTransport,
// waits for theirs, and mixes. Next to it, in the same run and between the same processes, the
// same bytes over plain TCP sockets without any check: the floor.
//
//   exchange_bench [--rounds R] [--parameters P]... [--tuning NAME[@CHUNK_KIB]]...
//
// The parent starts itself again as N workers and talks to each over a socket pair, in lines. A
// round's time is the median over the rounds of one worker; the table shows the largest of all
// workers, the mean time of the whole as a check, and the processor time of all workers together,
// which does not depend on what else the machine does.
#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "model/mixing.h"
#include "transport/grpc_transport.h"
#include "transport/process_settings.h"

namespace skiptrain {
namespace {

using Clock = std::chrono::steady_clock;
using transport::GrpcTransport;
using transport::TransportConfig;
using transport::Tuning;

constexpr int kNodes = 8;
constexpr int kWarmUpRounds = 5;

// A 3-regular graph: a ring and its diameters.
std::vector<int> neighbours_of(int node) {
  std::vector<int> result = {(node + 1) % kNodes, (node + kNodes - 1) % kNodes,
                             (node + kNodes / 2) % kNodes};
  std::sort(result.begin(), result.end());
  return result;
}

Tuning tuning_named(const std::string& name) {
  Tuning tuning;
  if (name == "default") return tuning;
  if (name == "grpc") {  // what gRPC itself would take
    tuning.lookahead_bytes = 65535;
    tuning.http2_frame_bytes = 16384;
    tuning.write_buffer_bytes = std::size_t{64} << 10;
    tuning.read_chunk_bytes = 8192;
    tuning.probe_bandwidth = true;
    return tuning;
  }
  // in KiB
  unsigned window = 0, frame = 0, write = 0, read = 0, max_read = 0, probe = 0;
  const int fields = std::sscanf(name.c_str(), "%u,%u,%u,%u,%u,%u", &window, &frame, &write, &read,
                                 &max_read, &probe);
  SKIPTRAIN_CHECK(fields == 6,
                  "a tuning is default, grpc, or WINDOW,FRAME,WRITE,READ,MAXREAD,PROBE in KiB");
  tuning.lookahead_bytes = std::size_t{window} << 10;
  tuning.http2_frame_bytes = std::min<std::size_t>(std::size_t{frame} << 10, (1u << 24) - 1);
  tuning.write_buffer_bytes = std::size_t{write} << 10;
  tuning.read_chunk_bytes = std::size_t{read} << 10;
  tuning.max_read_chunk_bytes = std::size_t{max_read} << 10;
  tuning.probe_bandwidth = probe != 0;
  return tuning;
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Processor time of this process so far, all threads.
double cpu_ms() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Lines over a socket pair.
class Lines {
 public:
  explicit Lines(int fd) : file_(fdopen(fd, "r+")) { setvbuf(file_, nullptr, _IONBF, 0); }
  void say(const std::string& line) { std::fprintf(file_, "%s\n", line.c_str()); }
  std::string hear() {
    std::string line;
    for (int c = std::fgetc(file_); c != '\n'; c = std::fgetc(file_)) {
      if (c == EOF) std::exit(1);
      line.push_back(static_cast<char>(c));
    }
    return line;
  }

 private:
  FILE* file_;
};

// ---- over the transport

class GrpcRounds {
 public:
  GrpcRounds(int self, std::size_t parameters, const std::string& tuning)
      : self_(self), neighbours_(neighbours_of(self)), pool_(parameters, 4) {
    TransportConfig config;
    config.cluster_id = config.run_id = "bench";
    config.self = NodeId(static_cast<std::uint64_t>(self));
    config.parameter_count = parameters;
    const std::size_t at = tuning.find('@');
    config.tuning = tuning_named(tuning.substr(0, at));
    if (at != std::string::npos) {
      config.chunk_bytes = std::stoul(tuning.substr(at + 1)) << 10;
    }
    for (const int peer : neighbours_) {
      config.peers.push_back({NodeId(static_cast<std::uint64_t>(peer)), "", ""});
      to_.push_back(NodeId(static_cast<std::uint64_t>(peer)));
    }
    transport_ = std::make_unique<GrpcTransport>(std::move(config));
    const auto started = transport_->start([this](core::Event event) { take(std::move(event)); });
    SKIPTRAIN_CHECK(started.has_value(), "the bench's transport starts");
    own_ = pool_.acquire();
    for (std::size_t k = 0; k < parameters; ++k) {
      own_->values()[k] = static_cast<float>((k * 31 + static_cast<std::size_t>(self)) % 977);
    }
  }

  std::string address() const { return transport_->address(); }

  void connect(const std::vector<std::string>& addresses) {
    for (const int peer : neighbours_) {
      (void)transport_->set_peer_address(NodeId(static_cast<std::uint64_t>(peer)),
                                         addresses[static_cast<std::size_t>(peer)]);
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return connected_ == neighbours_.size(); });
  }

  void round(std::uint64_t number) {
    transport_->send(to_, ModelUpdate{Round(number), static_cast<std::uint32_t>(to_.size()), own_});
    std::map<NodeId, ParametersPtr> received;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return inbox_[number].size() == neighbours_.size(); });
      received = std::move(inbox_[number]);
      inbox_.erase(number);
    }
    const double weight = 1.0 / static_cast<double>(neighbours_.size() + 1);
    std::vector<WeightedInput> inputs = {{weight, own_->values()}};
    for (const auto& [peer, parameters] : received) {
      inputs.push_back({weight, parameters->values()});
    }
    auto mixed = pool_.acquire();
    mix(inputs, mixed->values());
    own_ = std::move(mixed);
  }

 private:
  void take(core::Event event) {
    const std::lock_guard lock(mutex_);
    if (std::holds_alternative<core::PeerConnected>(event)) ++connected_;
    if (auto* update = std::get_if<core::UpdateReceived>(&event)) {
      inbox_[update->update.round.value()][update->from] = std::move(update->update.parameters);
    }
    changed_.notify_all();
  }

  int self_;
  std::vector<int> neighbours_;
  std::vector<NodeId> to_;
  ParametersPool pool_;
  MutableParametersPtr own_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t connected_ = 0;
  std::map<std::uint64_t, std::map<NodeId, ParametersPtr>> inbox_;
  std::unique_ptr<GrpcTransport> transport_;
};

// ---- over plain sockets

class RawRounds {
 public:
  RawRounds(int self, std::size_t parameters)
      : self_(self), neighbours_(neighbours_of(self)), out_(parameters * 4, 1) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    SKIPTRAIN_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                        ::listen(listener_, kNodes) == 0,
                    "the bench's socket listens");
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }

  std::string address() const { return std::to_string(port_); }

  void connect(const std::vector<std::string>& ports) {
    std::size_t expected = 0;
    for (const int peer : neighbours_) {
      if (peer < self_) {
        ++expected;
        continue;
      }
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port =
          htons(static_cast<std::uint16_t>(std::stoi(ports[static_cast<std::size_t>(peer)])));
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      SKIPTRAIN_CHECK(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0,
                      "the bench's socket connects");
      sockets_.push_back(fd);
    }
    for (std::size_t i = 0; i < expected; ++i) {
      sockets_.push_back(::accept(listener_, nullptr, nullptr));
    }
    for (const int fd : sockets_) {
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    in_.assign(sockets_.size(), std::vector<char>(out_.size()));
  }

  void round(std::uint64_t) {
    std::vector<std::size_t> sent(sockets_.size(), 0), received(sockets_.size(), 0);
    for (std::size_t open = 2 * sockets_.size(); open > 0;) {
      std::vector<pollfd> polled;
      for (std::size_t i = 0; i < sockets_.size(); ++i) {
        const int events =
            (sent[i] < out_.size() ? POLLOUT : 0) | (received[i] < out_.size() ? POLLIN : 0);
        polled.push_back({sockets_[i], static_cast<short>(events), 0});
      }
      ::poll(polled.data(), polled.size(), -1);
      for (std::size_t i = 0; i < sockets_.size(); ++i) {
        if ((polled[i].revents & POLLOUT) != 0) {
          const auto n = ::send(sockets_[i], out_.data() + sent[i], out_.size() - sent[i], 0);
          if (n > 0 && (sent[i] += static_cast<std::size_t>(n)) == out_.size()) --open;
        }
        if ((polled[i].revents & POLLIN) != 0) {
          const auto n =
              ::recv(sockets_[i], in_[i].data() + received[i], out_.size() - received[i], 0);
          if (n == 0) std::exit(1);
          if (n > 0 && (received[i] += static_cast<std::size_t>(n)) == out_.size()) --open;
        }
      }
    }
  }

 private:
  int self_;
  std::vector<int> neighbours_;
  int listener_ = -1;
  int port_ = 0;
  std::vector<int> sockets_;
  std::vector<char> out_;
  std::vector<std::vector<char>> in_;
};

// ---- workers and their parent

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    if (end > at) words.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

template <typename Rounds>
void serve(Lines& parent, Rounds& rounds, int count) {
  parent.say(rounds.address());
  rounds.connect(split(parent.hear()));
  parent.say("ready");
  parent.hear();
  std::vector<double> times;
  std::uint64_t number = 0;
  for (int i = 0; i < kWarmUpRounds; ++i) rounds.round(number++);
  const double cpu_begin = cpu_ms();
  const auto begin = Clock::now();
  for (int i = 0; i < count; ++i) {
    const auto round_begin = Clock::now();
    rounds.round(number++);
    times.push_back(seconds_since(round_begin) * 1e3);
  }
  const double mean = seconds_since(begin) * 1e3 / count;
  const double cpu = (cpu_ms() - cpu_begin) / count;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  parent.say(std::to_string(median(times)) + " " + std::to_string(mean) + " " +
             std::to_string(cpu) + " " + std::to_string(usage.ru_maxrss / 1024));
  parent.hear();
}

int work(int argc, char** argv) {
  SKIPTRAIN_CHECK(argc == 7, "the parent passes a worker's arguments");
  // As the daemon does: large freed blocks stay with the process.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  const int self = std::atoi(argv[2]);
  Lines parent(std::atoi(argv[3]));
  const auto parameters = static_cast<std::size_t>(std::atoll(argv[4]));
  const int rounds = std::atoi(argv[5]);
  if (std::string_view(argv[6]) == "raw") {
    RawRounds raw(self, parameters);
    serve(parent, raw, rounds);
  } else {
    GrpcRounds grpc(self, parameters, argv[6]);
    serve(parent, grpc, rounds);
  }
  return 0;
}

struct Outcome {
  double median_ms = 0;
  double mean_ms = 0;
  double cpu_ms = 0;  // of all workers
  double rss_mb = 0;
};

Outcome measure(const char* program, std::size_t parameters, int rounds, const std::string& kind) {
  std::vector<Lines> workers;
  std::vector<pid_t> pids;
  for (int node = 0; node < kNodes; ++node) {
    int pair[2];
    SKIPTRAIN_CHECK(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a socket pair is made");
    ::fcntl(pair[0], F_SETFD, FD_CLOEXEC);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const std::string id = std::to_string(node), fd = std::to_string(pair[1]);
      const std::string size = std::to_string(parameters), count = std::to_string(rounds);
      ::execl(program, program, "--worker", id.c_str(), fd.c_str(), size.c_str(), count.c_str(),
              kind.c_str(), nullptr);
      std::_Exit(127);
    }
    ::close(pair[1]);
    pids.push_back(pid);
    workers.emplace_back(pair[0]);
  }
  std::string addresses;
  for (Lines& worker : workers) addresses += worker.hear() + " ";
  for (Lines& worker : workers) worker.say(addresses);
  for (Lines& worker : workers) worker.hear();
  for (Lines& worker : workers) worker.say("go");
  Outcome outcome;
  for (Lines& worker : workers) {
    const auto words = split(worker.hear());
    outcome.median_ms = std::max(outcome.median_ms, std::stod(words.at(0)));
    outcome.mean_ms = std::max(outcome.mean_ms, std::stod(words.at(1)));
    outcome.cpu_ms += std::stod(words.at(2));
    outcome.rss_mb = std::max(outcome.rss_mb, std::stod(words.at(3)));
  }
  for (Lines& worker : workers) worker.say("end");
  for (const pid_t pid : pids) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    SKIPTRAIN_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a worker ends well");
  }
  return outcome;
}

int run(int argc, char** argv) {
  int rounds = 100;
  std::vector<std::size_t> sizes;
  std::vector<std::string> kinds;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--rounds") rounds = std::atoi(argv[i + 1]);
    if (flag == "--parameters") sizes.push_back(static_cast<std::size_t>(std::atoll(argv[i + 1])));
    if (flag == "--tuning") kinds.emplace_back(argv[i + 1]);
  }
  if (sizes.empty()) sizes = {83'754, 1'690'046};  // GN-LeNet on 28x28, FEMNIST CNN
  if (kinds.empty()) kinds = {"grpc", "default"};
  kinds.insert(kinds.begin(), "raw");
  std::printf("%d processes, 3-regular, %d rounds: send, wait for all, check, mix\n", kNodes,
              rounds);
  std::printf("%-12s %-28s %10s %10s %10s %8s %8s\n", "parameters", "transport", "median ms",
              "mean ms", "CPU ms", "GB/s", "RSS MB");
  for (const std::size_t parameters : sizes) {
    for (const std::string& kind : kinds) {
      const Outcome outcome = measure(argv[0], parameters, rounds, kind);
      const double bytes = static_cast<double>(parameters) * 4 * kNodes * 3;
      const std::string shown = kind == "raw" ? "plain TCP, no check, no mix" : "gRPC: " + kind;
      std::printf("%-12zu %-28s %10.2f %10.2f %10.2f %8.2f %8.0f\n", parameters, shown.c_str(),
                  outcome.median_ms, outcome.mean_ms, outcome.cpu_ms, bytes / outcome.mean_ms / 1e6,
                  outcome.rss_mb);
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace skiptrain

int main(int argc, char** argv) {
  skiptrain::transport::read_whole_frames();
  if (argc > 1 && std::string_view(argv[1]) == "--worker") return skiptrain::work(argc, argv);
  return skiptrain::run(argc, argv);
}
