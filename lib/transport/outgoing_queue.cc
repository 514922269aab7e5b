#include "transport/outgoing_queue.h"

#include <algorithm>
#include <utility>

#include "transport/transport_config.h"
#include "wire/frame_encoder.h"

namespace skiptrain::transport {
namespace {

// Both, each once; of too many those with the larger stamps, which are the ones that count.
std::vector<core::Directive> merged(const std::vector<core::Directive>& older,
                                    std::vector<core::Directive> newer) {
  for (const core::Directive& directive : older) {
    if (std::ranges::find(newer, directive) == newer.end()) newer.push_back(directive);
  }
  std::ranges::stable_sort(newer, std::greater<>(), &core::Directive::stamp);
  if (newer.size() > wire::kMaxDirectives) {
    newer.erase(newer.begin() + static_cast<std::ptrdiff_t>(wire::kMaxDirectives), newer.end());
  }
  return newer;
}

}  // namespace

template <typename T>
std::size_t OutgoingQueue::count() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      items_, [](const Item& item) { return std::holds_alternative<T>(item); }));
}

template <typename T>
std::deque<OutgoingQueue::Item>::iterator OutgoingQueue::first(std::deque<Item>::iterator from) {
  return std::find_if(from, items_.end(),
                      [](const Item& item) { return std::holds_alternative<T>(item); });
}

std::size_t OutgoingQueue::push(OutgoingUpdatePtr update) {
  std::size_t dropped = 0;
  if (count<OutgoingUpdatePtr>() + (ending_update_ ? 1 : 0) >= kMaxQueuedUpdates) {
    // The oldest that the peer has seen nothing of; one begun must be ended.
    items_.erase(first<OutgoingUpdatePtr>(items_.begin() + (next_message_ > 0 ? 1 : 0)));
    dropped = 1;
  }
  items_.emplace_back(std::move(update));
  return dropped;
}

void OutgoingQueue::push(const core::EdgeMessage& message) {
  if (count<core::EdgeMessage>() >= kMaxQueuedEdges) {
    items_.erase(first<core::EdgeMessage>(items_.begin()));
  }
  items_.emplace_back(message);
}

void OutgoingQueue::push(std::vector<core::Directive> directives) {
  items_.emplace_back(std::move(directives));
  if (count<Directives>() <= kMaxQueuedDirectives) return;
  const auto oldest = first<Directives>(items_.begin());
  const auto second = first<Directives>(oldest + 1);
  auto& into = std::get<Directives>(*second);
  into = merged(std::get<Directives>(*oldest), std::move(into));
  items_.erase(oldest);
}

void OutgoingQueue::begin(const OutgoingUpdate& update) {
  const bool has_one_before = copy_sent_ != 0 && update.copy == copy_sent_ + 1;
  as_difference_ = has_one_before && !update.difference.empty();
  copy_sent_ = update.copy;
  plain_update_bytes_ += update.plain_bytes;
}

grpc::ByteBuffer OutgoingQueue::take() {
  const Item& next = items_.front();
  grpc::ByteBuffer message;
  if (const auto* update = std::get_if<OutgoingUpdatePtr>(&next)) {
    if (next_message_ == 0) begin(**update);
    const auto& messages = as_difference_ ? (*update)->difference : (*update)->messages;
    message = messages[next_message_++];
    update_bytes_ += message.Length();
    if (next_message_ < messages.size()) return message;
    next_message_ = 0;
    ending_update_ = true;
  } else if (const auto* edge = std::get_if<core::EdgeMessage>(&next)) {
    message = make_message(wire::encode_frame(*edge));
  } else {
    message = make_message(wire::encode_frame(std::get<Directives>(next)));
  }
  items_.pop_front();
  return message;
}

void OutgoingQueue::clear() {
  items_.clear();
  next_message_ = 0;
}

void OutgoingQueue::drop_updates() {
  std::erase_if(items_,
                [](const Item& item) { return std::holds_alternative<OutgoingUpdatePtr>(item); });
  next_message_ = 0;
}

}  // namespace skiptrain::transport
