// A process with one GrpcTransport, for tests that speak to it from outside or kill it.
//
//   wire_interop_node SELF_ID PEER_ID PARAMETERS
//
// Prints its address, then a line per event, and for each line it reads the state of its link.
// Answers each update with one of the same round, its numbers doubled, and each state request with
// 1, 2, 3, ... at round 100. Ends when its standard input does.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "transport/grpc_transport.h"
#include "transport/process_settings.h"

namespace skiptrain {
namespace {

transport::TransportConfig config_of(NodeId self, NodeId peer, std::size_t parameters) {
  transport::TransportConfig config;
  config.cluster_id = "interop";
  config.self = self;
  config.name = "cpp";
  config.incarnation = Incarnation(3);
  config.run_id = "run-1";
  config.run_fingerprint = Fingerprint(0x1111);
  config.layout_fingerprint = Fingerprint(0x2222);
  config.parameter_count = parameters;
  config.state = {Round(5), core::Activity::kRunning};
  config.peers = {{peer, "python", ""}};
  config.chunk_bytes = wire::kMinChunkBytes;
  return config;
}

class Responder {
 public:
  Responder(NodeId self, NodeId peer, std::size_t parameters)
      : parameters_(parameters), transport_(config_of(self, peer, parameters)) {}

  int run() {
    const Status started = transport_.start([this](core::Event event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
      changed_.notify_all();
    });
    if (!started) {
      std::fprintf(stderr, "%s\n", started.error().message.c_str());
      return 1;
    }
    say("address " + transport_.address());
    std::thread input([this] {
      for (std::string line; std::getline(std::cin, line);) report();
      const std::lock_guard lock(mutex_);
      ended_ = true;
      changed_.notify_all();
    });
    while (auto event = next()) answer(*event);
    input.join();
    transport_.stop();
    return 0;
  }

 private:
  static void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  // nullopt: the input ended.
  std::optional<core::Event> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_ || !events_.empty(); });
    if (events_.empty()) return std::nullopt;
    core::Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  void report() {
    for (const auto& link : transport_.links()) {
      say("link rejected=" + std::to_string(link.updates_rejected) + " error=" + link.last_error);
    }
  }

  void answer(const core::Event& event) {
    if (const auto* connected = std::get_if<core::PeerConnected>(&event)) {
      say("connected " + to_string(connected->peer));
    } else if (const auto* gone = std::get_if<core::PeerDisconnected>(&event)) {
      say("disconnected " + to_string(gone->peer));
    } else if (const auto* update = std::get_if<core::UpdateReceived>(&event)) {
      auto doubled = std::make_shared<Parameters>(parameters_);
      const auto values = update->update.parameters->values();
      for (std::size_t k = 0; k < parameters_; ++k) doubled->values()[k] = 2 * values[k];
      transport_.send({update->from}, ModelUpdate{update->update.round, 1, std::move(doubled)});
    } else if (const auto* request = std::get_if<core::StateRequested>(&event)) {
      auto state = std::make_shared<Parameters>(parameters_);
      for (std::size_t k = 0; k < parameters_; ++k) state->values()[k] = static_cast<float>(k + 1);
      transport_.send_state({request->from, request->request, {Round(100), 1, std::move(state)}});
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<core::Event> events_;
  bool ended_ = false;
  std::size_t parameters_;
  transport::GrpcTransport transport_;
};

}  // namespace
}  // namespace skiptrain

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: wire_interop_node SELF_ID PEER_ID PARAMETERS\n");
    return 2;
  }
  using skiptrain::NodeId;
  skiptrain::transport::read_whole_frames();
  skiptrain::Responder responder(NodeId(std::strtoull(argv[1], nullptr, 10)),
                                 NodeId(std::strtoull(argv[2], nullptr, 10)),
                                 std::strtoull(argv[3], nullptr, 10));
  return responder.run();
}
