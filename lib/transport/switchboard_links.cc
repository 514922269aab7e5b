// The part of Switchboard that reacts to streams: hellos, admissions, ends, and the next dial.
#include <algorithm>
#include <utility>

#include "transport/channel_args.h"
#include "transport/dialled_stream.h"
#include "transport/switchboard.h"
#include "wire/hello.h"

namespace skiptrain::transport {

using ports::LinkState;
using wire::Goodbye;
using wire::GoodbyeReason;

// ---- dialling

void Switchboard::schedule_dial(const LinkPtr& link, Duration delay) {
  const std::uint64_t timer = ++link->dial_timer;
  timers_.after(delay, [this, weak = std::weak_ptr(link), timer] {
    const LinkPtr still = weak.lock();
    if (!still) return;
    {
      const std::lock_guard lock(still->mutex);
      if (still->dial_timer != timer) return;
    }
    dial(still);
  });
}

void Switchboard::schedule_redial(const LinkPtr& link) {
  const std::lock_guard lock(random_mutex_);
  const Duration max = link->views_differ ? std::min(config_.reconnect_max, kViewsDifferRetry)
                                          : config_.reconnect_max;
  const Duration min = std::min(config_.reconnect_min, max);
  schedule_dial(
      link, reconnect_delay(link->failures, link->state == LinkState::kRefused, min, max, random_));
}

void Switchboard::dial(const LinkPtr& link) {
  free_retired();
  std::shared_ptr<DialledStream> stream;
  {
    const std::lock_guard lock(link->mutex);
    if (link->removed || link->current || link->dialled || link->address.empty()) return;
    stream = std::make_shared<DialledStream>(shared_from_this(), pool_, config_.compression,
                                             make_channel(link->address, config_), link);
    if (!add_live(stream, /*stranger=*/false)) return;
    link->dialled = stream;
    link->verdict = false;
    link->views_differ = false;
    link->bind(stream);
    ++link->failures;
  }
  abort_without_hello(stream);
  stream->start(our_hello());
}

void Switchboard::abort_without_hello(const StreamPtr& stream) {
  timers_.after(config_.hello_timeout, [this, weak = std::weak_ptr(stream)] {
    const StreamPtr late = weak.lock();
    if (!late || late->admitted()) return;
    late->abort("no hello within " + std::to_string(to_milliseconds(config_.hello_timeout)) +
                " ms");
  });
}

void Switchboard::close_in_time(const StreamPtr& stream, const std::optional<Goodbye>& goodbye,
                                ExchangeStream::Rest rest) {
  stream->close(goodbye, rest);
  timers_.after(kCloseTimeout, [weak = std::weak_ptr(stream)] {
    if (const StreamPtr hung = weak.lock()) hung->abort("the peer did not end its stream");
  });
}

// ---- hellos

std::optional<Goodbye> Switchboard::check_peer(const ExchangeStream& stream,
                                               const wire::Hello& hello) const {
  const wire::Hello ours = our_hello();
  if (auto mismatch = wire::check_hello(ours, hello)) return mismatch;
  const std::string them = wire::describe(hello.node_id, hello.node_name);
  const std::string us = wire::describe(ours.node_id, ours.node_name);
  if (!stream.link()) {
    return Goodbye{GoodbyeReason::kUnknownNode, them + " is no neighbour of " + us};
  }
  if (stream.dialled_by_us()) {
    const NodeId expected = stream.link()->peer;
    if (hello.node_id == expected) return std::nullopt;
    return Goodbye{GoodbyeReason::kUnknownNode,
                   us + " dialled node " + to_string(expected) + " but " + them + " answered"};
  }
  if (hello.node_id < config_.self) return std::nullopt;
  return Goodbye{GoodbyeReason::kWrongDialer,
                 them + " dialled " + us + ", but the lower node id dials"};
}

void Switchboard::on_hello(const StreamPtr& stream, const wire::Hello& hello) {
  introduce(stream);
  if (!stream->dialled_by_us()) stream->set_link(find_link(hello.node_id));
  const auto objection = check_peer(*stream, hello);
  const LinkPtr link = stream->link();
  if (objection) return refuse(link, stream, *objection);
  admit(link, stream, hello);
}

void Switchboard::admit(const LinkPtr& held, const StreamPtr& stream, const wire::Hello& hello) {
  Link& link = *held;
  StreamPtr replaced;
  bool removed = false;
  {
    const std::lock_guard lock(link.mutex);
    removed = link.removed;
    if (removed) {
      link.bind(stream);
    } else if (link.current && !newer_stream_wins(link.incarnation, hello.incarnation)) {
      replaced = stream;  // the older incarnation is turned away
    } else {
      if (link.current) {
        replaced = link.current;
        disconnect(link, LinkState::kLost, "replaced by a newer stream");
      }
      link.bind(stream);
      link.current = stream;
      link.state = LinkState::kConnected;
      link.incarnation = hello.incarnation;
      link.connected_at = std::chrono::steady_clock::now();
      ++link.streams;
      if (!hello.node_name.empty()) link.name = hello.node_name;
      stream->admit();
      if (stream->dialled_by_us()) {
        stream->put_state(our_hello().state);  // if it changed since the dial
      } else {
        stream->put_hello(our_hello());
      }
      gate_.post(core::PeerConnected{link.peer, hello.incarnation, hello.state});
    }
  }
  if (removed) {  // a moment ago
    const std::string us = wire::describe(config_.self, config_.name);
    return close_in_time(stream,
                         Goodbye{GoodbyeReason::kNotNeighbour, "no longer a neighbour of " + us});
  }
  if (replaced != stream) stream->pump();
  if (!replaced) return;
  close_in_time(replaced, Goodbye{GoodbyeReason::kDuplicate,
                                  "another stream of " + peer_label(link.peer) +
                                      " is kept: it is newer, or of a newer incarnation"});
}

void Switchboard::refuse(const LinkPtr& link, const StreamPtr& stream, const Goodbye& goodbye) {
  if (link) {
    const std::lock_guard lock(link->mutex);
    link->bind(stream);
    if (stream == link->dialled) link->verdict = true;
    link->last_error = "refused: " + goodbye.detail;
    // A stranger under a neighbour's id does not touch the neighbour's good stream.
    if (!link->current) link->state = LinkState::kRefused;
  }
  close_in_time(stream, goodbye);
}

// ---- what admitted streams bring

void Switchboard::on_update(const StreamPtr& stream, ModelUpdate update) {
  const LinkPtr& link = stream->link();
  if (!link) return;
  const std::lock_guard lock(link->mutex);
  if (link->current != stream) return;
  ++link->updates_received;
  link->failures = 0;
  gate_.post(core::UpdateReceived{link->peer, std::move(update)});
}

void Switchboard::on_state(const StreamPtr& stream, const core::NodeState& state) {
  const LinkPtr& link = stream->link();
  if (!link) return;
  const std::lock_guard lock(link->mutex);
  if (link->current == stream) gate_.post(core::PeerStateChanged{link->peer, state});
}

void Switchboard::on_edge(const StreamPtr& stream, core::EdgeMessage message) {
  const LinkPtr& link = stream->link();
  if (!link) return;
  message.peer = link->peer;
  const std::lock_guard lock(link->mutex);
  if (link->current == stream) gate_.post(core::EdgeReceived{message});
}

void Switchboard::on_directives(const StreamPtr& stream, std::vector<core::Directive> directives) {
  const LinkPtr& link = stream->link();
  if (!link || directives.empty()) return;
  const std::lock_guard lock(link->mutex);
  if (link->current != stream) return;
  gate_.post(core::DirectivesReceived{link->peer, std::move(directives)});
}

// ---- ends

void Switchboard::disconnect(Link& link, LinkState state, std::string error) {
  link.current.reset();
  link.state = state;
  if (!error.empty()) link.last_error = std::move(error);
  if (std::chrono::steady_clock::now() - link.connected_at >= kStableAfter) link.failures = 0;
  gate_.post(core::PeerDisconnected{link.peer});
}

void Switchboard::on_goodbye(const StreamPtr& stream, const Goodbye& goodbye) {
  introduce(stream);
  if (const LinkPtr& link = stream->link()) {
    const std::lock_guard lock(link->mutex);
    const std::string them = wire::describe(link->peer, link->name);
    const std::string reason = std::string(to_string(goodbye.reason)) + ": " + goodbye.detail;
    LinkState state = LinkState::kLost;
    std::string error = them + " ended the stream: " + reason;
    const bool unknown = goodbye.reason == GoodbyeReason::kUnknownNode && config_.peers_come_and_go;
    link->views_differ = unknown || goodbye.reason == GoodbyeReason::kNotNeighbour;
    if (goodbye.reason == GoodbyeReason::kLeaving) {
      state = LinkState::kLeft;
      error.clear();
    } else if (link->views_differ) {
      state = link->streams > 0 ? LinkState::kLeft : LinkState::kNeverConnected;
    } else if (is_refusal(goodbye.reason)) {
      state = LinkState::kRefused;
      error = "refused by " + them + ": " + reason;
    }
    if (stream == link->dialled) link->verdict = true;
    if (link->current == stream) {
      disconnect(*link, state, std::move(error));
    } else if (!link->current) {
      if (state != LinkState::kLost) link->state = state;
      if (!error.empty()) link->last_error = std::move(error);
    }
  }
  close_in_time(stream, std::nullopt);
}

void Switchboard::on_bad_frame(const StreamPtr& stream, const std::string& reason) {
  introduce(stream);
  if (const LinkPtr& link = stream->link()) {
    const std::lock_guard lock(link->mutex);
    ++link->updates_rejected;
    if (stream == link->dialled) link->verdict = true;
    std::string error = "bad frame from " + wire::describe(link->peer, link->name) + ": " + reason;
    if (link->current == stream) {
      disconnect(*link, LinkState::kLost, std::move(error));
    } else {
      link->last_error = std::move(error);
    }
  }
  close_in_time(stream, Goodbye{GoodbyeReason::kBadFrame, reason});
}

void Switchboard::on_closed(const StreamPtr& stream, const std::string& why) {
  const LinkPtr& link = stream->link();
  if (!link) return;
  const std::lock_guard lock(link->mutex);
  if (link->current == stream) {
    disconnect(*link, LinkState::kLost,
               "lost the stream to " + wire::describe(link->peer, link->name) + ": " + why);
  }
  if (link->dialled != stream) return;
  link->dialled.reset();
  if (!stream->admitted() && !link->verdict && link->state != LinkState::kLeft) {
    // Nobody answered. That a refused node went away is news; that one which left stays away is
    // not.
    link->state = link->streams > 0 ? LinkState::kLost : LinkState::kNeverConnected;
    link->last_error = "cannot reach " + wire::describe(link->peer, link->name) + " at " +
                       link->address + ": " + why;
  }
  if (!link->current) schedule_redial(link);
}

void Switchboard::on_gone(StreamPtr stream) {
  if (const LinkPtr& link = stream->link()) {
    const std::lock_guard lock(link->mutex);
    link->absorb(stream);
  }
  const std::lock_guard lock(live_mutex_);
  strangers_.erase(stream);
  live_.erase(stream);
  if (auto channel = stream->channel()) retired_.push_back({std::move(stream), std::move(channel)});
  // The lock is the last of this object that is touched: stop() may be waiting for it.
  live_changed_.notify_all();
}

}  // namespace skiptrain::transport
