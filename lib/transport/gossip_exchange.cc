#include "transport/gossip_exchange.h"

#include <utility>
#include <vector>

#include "transport/channel_args.h"
#include "transport/gossip_answer.h"
#include "transport/gossip_call.h"
#include "transport/refusal.h"

namespace skiptrain::transport {
namespace {

// What a handler's `reply` refers to: the last copy that goes unused refuses the call.
class Owed {
 public:
  explicit Owed(std::shared_ptr<GossipAnswer> answer) : answer_(std::move(answer)) {}
  ~Owed() { answer_->finish({grpc::StatusCode::INVALID_ARGUMENT, "the node gave no answer"}); }
  Owed(const Owed&) = delete;
  Owed& operator=(const Owed&) = delete;
  void pay(Result<std::string> envelope) { answer_->answer(std::move(envelope)); }

 private:
  const std::shared_ptr<GossipAnswer> answer_;
};

}  // namespace

// ---- asking

void GossipExchange::call(const std::string& address, std::string envelope, Duration timeout,
                          ports::GossipCall::Done done, std::shared_ptr<StateHost> keep_alive) {
  if (envelope.size() > wire::kMaxGossipBytes) {
    return done(fail(ErrorCode::kInvalidArgument,
                     "an envelope of " + std::to_string(envelope.size()) + " bytes, at most " +
                         std::to_string(wire::kMaxGossipBytes) + " are allowed"));
  }
  std::string why;
  auto channel = borrow(address, why);
  if (!channel) {
    return done(fail(ErrorCode::kUnavailable, "gossip with " + address + ": " + why));
  }
  auto call = std::make_shared<GossipCallOut>(std::move(keep_alive), *this, address,
                                              std::move(channel), std::move(done));
  bool begun = host_.enter(call.get());
  if (begun) {
    const std::lock_guard lock(mutex_);
    calls_.emplace(call.get(), call);
    begun = !stopped_;
    if (!begun) calls_.erase(call.get());
  }
  if (!begun) {
    give_back(call.get(), address, /*failed=*/false);
    call->complete(fail(ErrorCode::kUnavailable, "gossip with " + address + ": shutting down"));
    return host_.leave(call.get(), {});
  }
  sweep_later();
  // stop() may cancel it before it starts, which gRPC remembers.
  call->start(call, std::move(envelope), timeout);
}

std::shared_ptr<grpc::Channel> GossipExchange::borrow(const std::string& address,
                                                      std::string& why) {
  std::shared_ptr<grpc::Channel> surplus;  // freed without the lock
  const std::lock_guard lock(mutex_);
  if (stopped_) {
    why = "shutting down";
    return nullptr;
  }
  if (calls_open_ >= kMaxGossipCalls) {
    why = "more than " + std::to_string(kMaxGossipCalls) + " calls at a time";
    return nullptr;
  }
  const auto known = channels_.find(address);
  if (known != channels_.end() && known->second.calls >= kMaxGossipCallsPerAddress) {
    why = "more than " + std::to_string(kMaxGossipCallsPerAddress) + " calls to it at a time";
    return nullptr;
  }
  if (known == channels_.end() && channels_.size() >= kMaxGossipChannels) {
    static_assert(kMaxGossipCalls <= kMaxGossipChannels);  // so there is one without a call
    auto oldest = channels_.end();
    for (auto at = channels_.begin(); at != channels_.end(); ++at) {
      if (at->second.calls > 0) continue;
      if (oldest == channels_.end() || at->second.used < oldest->second.used) oldest = at;
    }
    surplus = std::move(oldest->second.channel);
    channels_.erase(oldest);
  }
  Channel& channel = channels_[address];
  if (!channel.channel) {
    channel.channel = make_channel(address, host_.config(), kMaxServerMessageBytes);
  }
  ++channel.calls;
  ++calls_open_;
  return channel.channel;
}

void GossipExchange::give_back(const GossipCallOut* call, const std::string& address, bool failed) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call);
  --calls_open_;
  Channel& channel = channels_.at(address);
  --channel.calls;
  channel.used = Clock::now();
  // This call, and others on it, still hold the connection; the next call makes a new one.
  if (failed) channel.channel.reset();
  if (channel.calls == 0 && !channel.channel) channels_.erase(address);
}

void GossipExchange::sweep_later() {
  {
    const std::lock_guard lock(mutex_);
    if (sweeping_ || channels_.empty()) return;
    sweeping_ = true;
  }
  host_.timers().after(kGossipChannelIdle, [this] {
    forget_idle();
    {
      const std::lock_guard lock(mutex_);
      sweeping_ = false;
    }
    sweep_later();
  });
}

void GossipExchange::forget_idle() {
  std::vector<std::shared_ptr<grpc::Channel>> idle;  // freed without the lock
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  for (auto at = channels_.begin(); at != channels_.end();) {
    Channel& channel = at->second;
    if (channel.calls > 0 || now - channel.used < kGossipChannelIdle) {
      ++at;
      continue;
    }
    idle.push_back(std::move(channel.channel));
    at = channels_.erase(at);
  }
}

// ---- answering

void GossipExchange::set_handler(ports::GossipCall::Handler handler) {
  const std::unique_lock lock(handler_mutex_);
  handler_ = std::move(handler);
}

grpc::ServerGenericBidiReactor* GossipExchange::accept(grpc::CallbackServerContext* context,
                                                       std::shared_ptr<StateHost> keep_alive) {
  auto answer = std::make_shared<GossipAnswer>(std::move(keep_alive), *this, context);
  bool room = false;
  {
    const std::lock_guard lock(mutex_);
    room = !stopped_ && answers_.size() < kMaxGossipAnswers;
    if (room) answers_.emplace(answer.get(), answer);
  }
  if (!room) {
    return new Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, "shutting down, or more than " +
                                                                 std::to_string(kMaxGossipAnswers) +
                                                                 " gossip calls at a time");
  }
  if (!host_.enter(answer.get())) {
    answer_gone(answer.get());
    return new Refusal(grpc::StatusCode::UNAVAILABLE, "shutting down");
  }
  return answer->start(answer);
}

bool GossipExchange::handle(std::string envelope, const std::shared_ptr<GossipAnswer>& answer) {
  const std::shared_lock lock(handler_mutex_);
  if (!handler_) return false;
  handler_(std::move(envelope), [owed = std::make_shared<Owed>(answer)](Result<std::string> reply) {
    owed->pay(std::move(reply));
  });
  return true;
}

void GossipExchange::answer_gone(const GossipAnswer* answer) {
  std::shared_ptr<GossipAnswer> last;  // let go without the lock
  const std::lock_guard lock(mutex_);
  const auto found = answers_.find(answer);
  if (found == answers_.end()) return;
  last = std::move(found->second);
  answers_.erase(found);
}

void GossipExchange::stop() {
  std::vector<std::shared_ptr<GossipCallOut>> calls;
  std::vector<std::shared_ptr<GossipAnswer>> answers;
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (const auto& [key, call] : calls_) calls.push_back(call);
    for (const auto& [key, answer] : answers_) answers.push_back(answer);
    for (auto& [address, channel] : channels_) channels.push_back(std::move(channel.channel));
  }
  set_handler(nullptr);
  for (const auto& answer : answers) {
    answer->finish({grpc::StatusCode::UNAVAILABLE, "shutting down"});
  }
  for (const auto& call : calls) {
    call->complete(fail(ErrorCode::kUnavailable, "gossip: shutting down"));
    call->cancel();
  }
}

}  // namespace skiptrain::transport
