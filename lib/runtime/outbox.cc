#include "runtime/outbox.h"

#include <utility>

namespace skiptrain::runtime {

void Outbox::set_transport(std::shared_ptr<ports::Transport> transport) {
  transport_ = std::move(transport);
}

void Outbox::put(const Message& message) {
  if (holds_ > 0) {
    waiting_.push_back(message);
  } else {
    deliver(message);
  }
}

void Outbox::release() {
  if (--holds_ > 0) return;
  for (const Message& message : std::exchange(waiting_, {})) deliver(message);
}

void Outbox::deliver(const Message& message) {
  if (const auto* update = std::get_if<SendPublished>(&message)) {
    transport_->send(update->to, update->update);
  } else {
    const auto& news = std::get<core::SendDirectives>(message);
    transport_->send_directives(news.to, news.directives);
  }
}

}  // namespace skiptrain::runtime
