// FetchState on both sides: asking a neighbour for its committed state, and answering one.
//
// A call is a reactor that owns itself until gRPC is done with it. Each has a time limit, both
// sides a largest number of calls at a time, and each ends in exactly one event or answer.
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <grpcpp/generic/async_generic_service.h>

#include "core/effect.h"
#include "model/parameters.h"
#include "transport/event_gate.h"
#include "transport/retired.h"
#include "transport/timers.h"
#include "transport/transport_config.h"
#include "wire/messages.h"

namespace skiptrain::transport {

// What the calls need of the switchboard, which outlives them.
class StateHost {
 public:
  virtual ~StateHost() = default;
  virtual wire::Hello our_hello() const = 0;
  // nullopt: no neighbour; empty: not known yet.
  virtual std::optional<std::string> peer_address(NodeId peer) const = 0;
  virtual std::string peer_label(NodeId peer) const = 0;
  // A call begins: false if the transport is stopping. leave() is the call's last word. One with
  // a channel hands over its last reference, else nothing; see StreamListener::on_gone.
  virtual bool enter(const void* call) = 0;
  virtual void leave(const void* call, Retired retired) = 0;
  virtual const TransportConfig& config() const = 0;
  virtual ParametersPool& pool() = 0;
  virtual Timers& timers() = 0;
  virtual EventGate& gate() = 0;
};

class StateFetch;
class StateAnswer;

class StateExchange {
 public:
  explicit StateExchange(StateHost& host) : host_(host) {}

  // Posts StateFetched or StateFetchFailed, once, later or (if it cannot begin) before returning.
  void fetch(NodeId from, Round at_least, std::shared_ptr<StateHost> keep_alive);

  grpc::ServerGenericBidiReactor* accept(grpc::CallbackServerContext* context,
                                         std::shared_ptr<StateHost> keep_alive);
  void send(const core::SendState& answer);
  void refuse(std::uint64_t request, const std::string& reason);

  // Fails all fetches from that peer, which is no neighbour any more.
  void cancel_from(NodeId peer);
  // Ends all calls.
  void stop();

 private:
  friend class StateFetch;
  friend class StateAnswer;

  // nullopt: shutting down.
  std::optional<std::uint64_t> add_answer(std::shared_ptr<StateAnswer> answer);
  std::shared_ptr<StateAnswer> take_answer(std::uint64_t request);
  // gRPC is done with a call that accept() began.
  void remove_answer(std::uint64_t request);
  void remove_fetch(const StateFetch* fetch);

  StateHost& host_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::size_t calls_answered_ = 0;  // from accept() to remove_answer(): all that peers have open
  std::uint64_t next_request_ = 1;
  std::map<std::uint64_t, std::shared_ptr<StateAnswer>> answers_;  // that the core owes
  std::map<const StateFetch*, std::shared_ptr<StateFetch>> fetches_;
};

}  // namespace skiptrain::transport
