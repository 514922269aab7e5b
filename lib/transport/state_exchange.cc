#include "transport/state_exchange.h"

#include <utility>
#include <vector>

#include "transport/channel_args.h"
#include "transport/refusal.h"
#include "transport/state_calls.h"

namespace skiptrain::transport {

void StateExchange::fetch(NodeId from, Round at_least, std::shared_ptr<StateHost> keep_alive) {
  const auto give_up = [&](const std::string& why) {
    host_.gate().post(core::StateFetchFailed{from, why});
  };
  const auto address = host_.peer_address(from);
  if (!address) return give_up(host_.peer_label(from) + " is no neighbour");
  if (address->empty())
    return give_up("the address of " + host_.peer_label(from) + " is not known");
  auto call = std::make_shared<StateFetch>(std::move(keep_alive), *this, from, at_least,
                                           make_channel(*address, host_.config()));
  {
    const std::lock_guard lock(mutex_);
    if (fetches_.size() < kMaxStateFetches)
      fetches_.emplace(call.get(), call);
    else
      call.reset();
  }
  if (!call) return give_up("more than " + std::to_string(kMaxStateFetches) + " fetches at a time");
  if (!host_.enter(call.get())) {
    remove_fetch(call.get());
    return give_up("shutting down");
  }
  // Removed since it was looked up, and before cancel_from could find the call.
  if (!host_.peer_address(from)) call->cancel("no longer a neighbour");
  // Also one that was cancelled: gRPC remembers, and its end is told in one place.
  call->start(call);
}

void StateExchange::remove_fetch(const StateFetch* fetch) {
  const std::lock_guard lock(mutex_);
  fetches_.erase(fetch);
}

grpc::ServerGenericBidiReactor* StateExchange::accept(grpc::CallbackServerContext* context,
                                                      std::shared_ptr<StateHost> keep_alive) {
  {
    const std::lock_guard lock(mutex_);
    if (calls_answered_ >= kMaxStateAnswers) {
      return new Refusal(
          grpc::StatusCode::RESOURCE_EXHAUSTED,
          "more than " + std::to_string(kMaxStateAnswers) + " state requests at a time");
    }
    ++calls_answered_;
  }
  auto call = std::make_shared<StateAnswer>(std::move(keep_alive), *this, context);
  if (!host_.enter(call.get())) {
    remove_answer(0);
    return new Refusal(grpc::StatusCode::UNAVAILABLE, "shutting down");
  }
  return call->start(call);
}

std::optional<std::uint64_t> StateExchange::add_answer(std::shared_ptr<StateAnswer> answer) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return std::nullopt;
  const std::uint64_t request = next_request_++;
  answers_.emplace(request, std::move(answer));
  return request;
}

std::shared_ptr<StateAnswer> StateExchange::take_answer(std::uint64_t request) {
  const std::lock_guard lock(mutex_);
  const auto found = answers_.find(request);
  if (found == answers_.end()) return nullptr;
  auto answer = std::move(found->second);
  answers_.erase(found);
  return answer;
}

void StateExchange::remove_answer(std::uint64_t request) {
  const std::lock_guard lock(mutex_);
  answers_.erase(request);
  --calls_answered_;
}

void StateExchange::send(const core::SendState& answer) {
  if (const auto call = take_answer(answer.request)) call->answer(answer.state);
}

void StateExchange::refuse(std::uint64_t request, const std::string& reason) {
  if (const auto call = take_answer(request)) {
    call->finish(grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, reason));
  }
}

void StateExchange::cancel_from(NodeId peer) {
  std::vector<std::shared_ptr<StateFetch>> fetches;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, fetch] : fetches_) {
      if (fetch->from() == peer) fetches.push_back(fetch);
    }
  }
  for (const auto& fetch : fetches) fetch->cancel("no longer a neighbour");
}

void StateExchange::stop() {
  std::map<std::uint64_t, std::shared_ptr<StateAnswer>> answers;
  std::vector<std::shared_ptr<StateFetch>> fetches;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    answers.swap(answers_);
    for (const auto& [key, fetch] : fetches_) fetches.push_back(fetch);
  }
  for (const auto& [request, answer] : answers) {
    answer->finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down"));
  }
  for (const auto& fetch : fetches) fetch->cancel("shutting down");
}

}  // namespace skiptrain::transport
