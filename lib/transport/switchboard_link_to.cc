// The part of Switchboard that changes who its neighbours are while it runs.
#include <utility>

#include "transport/switchboard.h"
#include "wire/hello.h"

namespace skiptrain::transport {

using ports::LinkState;
using wire::Goodbye;
using wire::GoodbyeReason;

void Switchboard::link_to(const std::vector<ports::PeerAddress>& peers) {
  // One change at a time: the last event of a removed link is posted before the peer can come back.
  const std::lock_guard serial(link_to_mutex_);
  free_retired();
  std::map<NodeId, const ports::PeerAddress*> wanted;
  for (const ports::PeerAddress& peer : peers) {
    if (peer.id != config_.self) wanted.emplace(peer.id, &peer);
  }
  std::vector<LinkPtr> removed, added, kept;
  {
    const std::lock_guard lock(links_mutex_);
    for (auto at = links_.begin(); at != links_.end();) {
      if (wanted.contains(at->first)) {
        kept.push_back((at++)->second);
      } else {
        removed.push_back(std::move(at->second));
        at = links_.erase(at);
      }
    }
    for (const auto& [id, peer] : wanted) {
      if (links_.contains(id)) continue;
      added.push_back(std::make_shared<Link>(id, peer->name, peer->address, config_.self < id));
      links_.emplace(id, added.back());
    }
    pool_.keep(kBuffersPerPeer * links_.size() + kBuffersInAll);
  }
  for (const LinkPtr& link : removed) unlink(link);
  for (const LinkPtr& link : kept) readdress(link, *wanted.at(link->peer));
  for (const LinkPtr& link : added) {
    const std::lock_guard lock(link->mutex);
    if (link->dialled_by_us) schedule_dial(link, Duration::zero());
  }
}

void Switchboard::unlink(const LinkPtr& link) {
  StreamPtr current, dialled;
  {
    const std::lock_guard lock(link->mutex);
    current = link->current;
    dialled = std::exchange(link->dialled, nullptr);
    ++link->dial_timer;
    if (current) disconnect(*link, LinkState::kLeft, "");
    link->removed = true;
  }
  states_.cancel_from(link->peer);
  if (dialled && dialled != current) dialled->abort("no longer a neighbour");
  if (!current) return;
  // What was said to the peer before, say that it is no longer wanted, still reaches it.
  close_in_time(current,
                Goodbye{GoodbyeReason::kNotNeighbour,
                        "no longer a neighbour of " + wire::describe(config_.self, config_.name)},
                ExchangeStream::Rest::kSay);
}

void Switchboard::readdress(const LinkPtr& link, const ports::PeerAddress& peer) {
  StreamPtr current, dialled;
  {
    const std::lock_guard lock(link->mutex);
    if (link->streams == 0 && !peer.name.empty()) link->name = peer.name;
    if (link->address == peer.address) return;
    link->address = peer.address;
    link->failures = 0;
    if (!link->dialled_by_us) return;  // it dials, wherever it is
    dialled = std::exchange(link->dialled, nullptr);
    current = link->current;
    if (current) disconnect(*link, LinkState::kLost, "moved to " + peer.address);
    schedule_dial(link, Duration::zero());
  }
  if (dialled && dialled != current) dialled->abort("its address changed");
  if (current) {
    close_in_time(current, Goodbye{GoodbyeReason::kDuplicate, "dialled anew at " + peer.address});
  }
}

}  // namespace skiptrain::transport
