// Gossip calls on both sides: to any member by its address, and from any to the handler.
//
// Envelopes are opaque. A call is a reactor that owns itself until gRPC is done with it, but who
// asked is answered earlier if the transport stops: exactly once, before stop() returns. Calls to
// one address share a connection, which is kept while it works and for a while after; the number
// of connections and of calls at a time is bounded on both sides. Thread-safe; `done` and the
// handler are called without a lock of calls, on gRPC's threads, the caller's or stop()'s, and
// must only post.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/generic/async_generic_service.h>

#include "ports/gossip_call.h"
#include "transport/state_exchange.h"

namespace skiptrain::transport {

class GossipCallOut;
class GossipAnswer;

class GossipExchange {
 public:
  explicit GossipExchange(StateHost& host) : host_(host) {}

  // See ports::GossipCall. kInvalidArgument also for an envelope above wire::kMaxGossipBytes.
  void call(const std::string& address, std::string envelope, Duration timeout,
            ports::GossipCall::Done done, std::shared_ptr<StateHost> keep_alive);
  void set_handler(ports::GossipCall::Handler handler);

  grpc::ServerGenericBidiReactor* accept(grpc::CallbackServerContext* context,
                                         std::shared_ptr<StateHost> keep_alive);

  // Ends all calls. After it neither the handler nor a `done` is called.
  void stop();

 private:
  friend class GossipCallOut;
  friend class GossipAnswer;
  using Clock = std::chrono::steady_clock;

  struct Channel {
    std::shared_ptr<grpc::Channel> channel;
    std::size_t calls = 0;  // in progress
    Clock::time_point used;
  };

  // nullptr: a limit is reached, `why` says which.
  std::shared_ptr<grpc::Channel> borrow(const std::string& address, std::string& why);
  // A call is over. One that failed takes its connection with it.
  void give_back(const GossipCallOut* call, const std::string& address, bool failed);
  void forget_idle();
  void sweep_later();
  void answer_gone(const GossipAnswer* answer);
  // False: nobody handles calls.
  bool handle(std::string envelope, const std::shared_ptr<GossipAnswer>& answer);

  StateHost& host_;

  mutable std::mutex mutex_;  // guards what follows; never held while another is taken
  bool stopped_ = false;
  bool sweeping_ = false;
  std::size_t calls_open_ = 0;
  std::map<std::string, Channel> channels_;
  std::map<const GossipCallOut*, std::shared_ptr<GossipCallOut>> calls_;
  std::map<const GossipAnswer*, std::shared_ptr<GossipAnswer>> answers_;

  // Held shared while the handler runs, so that stop() waits for it.
  std::shared_mutex handler_mutex_;
  ports::GossipCall::Handler handler_;
};

}  // namespace skiptrain::transport
