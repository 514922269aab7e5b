// What the tests of lib/transport share: a node that records its events, and a client made of the
// generated stub that can misbehave.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "skiptrain/v1/peer.grpc.pb.h"
#include "transport/grpc_transport.h"
#include "wire/frame_encoder.h"

namespace skiptrain::transport::testing {

using std::chrono::milliseconds;

inline constexpr Duration kPatience = std::chrono::seconds(20);
inline constexpr std::size_t kParameters = 1000;

inline TransportConfig config_of(std::uint64_t self, const std::vector<std::uint64_t>& peers) {
  TransportConfig config;
  config.cluster_id = "lab";
  config.self = NodeId(self);
  config.name = "node-" + std::to_string(self);
  config.incarnation = Incarnation(1);
  config.run_id = "run-1";
  config.run_fingerprint = Fingerprint(11);
  config.layout_fingerprint = Fingerprint(22);
  config.parameter_count = kParameters;
  config.reconnect_min = milliseconds(10);
  config.reconnect_max = milliseconds(100);
  for (const std::uint64_t peer : peers) {
    config.peers.push_back({NodeId(peer), "node-" + std::to_string(peer), ""});
  }
  return config;
}

inline ModelUpdate update_of(std::uint64_t round, float first, std::size_t count = kParameters) {
  std::vector<float> values(count);
  for (std::size_t k = 0; k < count; ++k) values[k] = first + static_cast<float>(k);
  return {Round(round), 2, copy_parameters(values)};
}

// Waits until `holds` does, looking often. For state that has no event.
inline bool eventually(const std::function<bool()>& holds, Duration limit = kPatience) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

// A transport and all events that it posted.
class TestNode {
 public:
  explicit TestNode(TransportConfig config) : transport_(std::move(config)) {
    const Status started = transport_.start([this](core::Event event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
      changed_.notify_all();
    });
    EXPECT_TRUE(started) << started.error().message;
  }
  ~TestNode() { transport_.stop(); }

  GrpcTransport& transport() { return transport_; }
  std::string address() const { return transport_.address(); }
  void knows(NodeId peer, const std::string& address) {
    EXPECT_TRUE(transport_.set_peer_address(peer, address));
  }

  // The first event of type T for which `holds`, once it is there; nullopt after kPatience.
  template <typename T>
  std::optional<T> wait_for(const std::function<bool(const T&)>& holds = [](const T&) {
    return true;
  }) {
    std::unique_lock lock(mutex_);
    std::optional<T> found;
    changed_.wait_for(lock, kPatience, [&] {
      for (const core::Event& event : events_) {
        const T* match = std::get_if<T>(&event);
        if (match != nullptr && holds(*match)) found = *match;
        if (found) return true;
      }
      return false;
    });
    return found;
  }

  // Waits until `count` events of type T were posted.
  template <typename T>
  bool wait_for_count(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return count_of<T>() >= count; });
  }

  std::vector<core::Event> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    events_.clear();
  }

  bool has_link(std::uint64_t peer) const {
    for (const ports::LinkReport& report : transport_.links()) {
      if (report.peer == NodeId(peer)) return true;
    }
    return false;
  }
  bool connected_to(std::uint64_t peer) const {
    for (const ports::LinkReport& report : transport_.links()) {
      if (report.peer == NodeId(peer)) return report.state == ports::LinkState::kConnected;
    }
    return false;
  }

  ports::LinkReport link(std::uint64_t peer) const {
    for (const ports::LinkReport& report : transport_.links()) {
      if (report.peer == NodeId(peer)) return report;
    }
    ADD_FAILURE() << "no link to node " << peer;
    return {};
  }

 private:
  template <typename T>
  std::size_t count_of() const {
    std::size_t count = 0;
    for (const core::Event& event : events_) count += std::holds_alternative<T>(event) ? 1 : 0;
    return count;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<core::Event> events_;
  GrpcTransport transport_;
};

// A node among nodes that come and go; it begins without neighbours.
inline TransportConfig living_config_of(std::uint64_t self) {
  TransportConfig config = config_of(self, {});
  config.peers_come_and_go = true;
  config.reconnect_min = milliseconds(100);
  config.reconnect_max = std::chrono::seconds(5);
  return config;
}

inline ports::PeerAddress peer_at(std::uint64_t id, const std::string& address) {
  return {NodeId(id), "node-" + std::to_string(id), address};
}

// Makes `a` and `b` neighbours of each other, and waits until both say so.
inline void connect(TestNode& a, std::uint64_t a_id, TestNode& b, std::uint64_t b_id) {
  a.knows(NodeId(b_id), b.address());
  b.knows(NodeId(a_id), a.address());
  ASSERT_TRUE(a.wait_for<core::PeerConnected>([&](auto& e) { return e.peer == NodeId(b_id); }));
  ASSERT_TRUE(b.wait_for<core::PeerConnected>([&](auto& e) { return e.peer == NodeId(a_id); }));
}

inline v1::Frame hello_frame(std::uint64_t node, std::uint64_t incarnation = 1) {
  const TransportConfig config = config_of(node, {});
  wire::Hello hello;
  hello.cluster_id = config.cluster_id;
  hello.node_id = config.self;
  hello.incarnation = Incarnation(incarnation);
  hello.run_id = config.run_id;
  hello.run_fingerprint = config.run_fingerprint;
  hello.layout_fingerprint = config.layout_fingerprint;
  hello.node_name = "raw";
  v1::Frame frame;
  frame.ParseFromString(wire::encode_frame(hello));
  return frame;
}

// A peer made of generated code, which reads and writes only when told.
class RawPeer {
 public:
  explicit RawPeer(const std::string& address) {
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    args.SetMaxReceiveMessageSize(-1);
    stub_ = v1::Peer::NewStub(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), args));
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    stream_ = stub_->Exchange(&context_);
  }
  ~RawPeer() {
    if (!stream_) return;
    context_.TryCancel();
    finish();
  }

  bool write(const v1::Frame& frame) { return stream_->Write(frame); }
  // nullopt: the stream ended.
  std::optional<v1::Frame> read() {
    v1::Frame frame;
    if (!stream_->Read(&frame)) return std::nullopt;
    return frame;
  }
  // Says hello and waits for the answer, hello or goodbye.
  v1::Frame introduce(const v1::Frame& hello) {
    write(hello);
    return read().value_or(v1::Frame());
  }
  // Reads on until a goodbye or the end.
  v1::Goodbye read_goodbye() {
    while (const auto frame = read()) {
      if (frame->has_goodbye()) return frame->goodbye();
    }
    return {};
  }
  // Reads all that comes and returns how the call ended. The last call.
  grpc::Status finish() {
    while (read()) {
    }
    const grpc::Status status = stream_->Finish();
    stream_.reset();
    return status;
  }
  v1::Peer::Stub& stub() { return *stub_; }

 private:
  std::unique_ptr<v1::Peer::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::Frame, v1::Frame>> stream_;
};

}  // namespace skiptrain::transport::testing
