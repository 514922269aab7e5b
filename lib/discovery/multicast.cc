#include "discovery/multicast.h"

#include <net/if.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string_view>
#include <system_error>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/ip/multicast.hpp>
#include <asio/ip/udp.hpp>
#include <asio/steady_timer.hpp>

#include "base/check.h"
#include "base/rng.h"
#include "discovery/datagram_receiver.h"
#include "discovery/io_thread.h"
#include "discovery/ip_endpoint.h"
#include "wire/address.h"

namespace skiptrain::discovery {
namespace {

using asio::ip::udp;

constexpr Duration kFirstGap = std::chrono::seconds(1);
// Many nodes that hear one newcomer do not answer in the same instant.
constexpr Duration kAnswerWithin = std::chrono::milliseconds(200);

}  // namespace

class Multicast::Impl {
 public:
  Impl(MulticastOptions options, std::shared_ptr<GossipSealer> sealer, core::MemberClaim self,
       Sink sink);

  Status start();
  void stop();
  void set_self(core::MemberClaim self);
  MulticastCounters counters() const;

 private:
  Status open();
  std::error_code join_v4(const asio::ip::address_v4& interface);
  std::error_code join_v6(unsigned interface);
  Status unavailable(const std::error_code& error) const;
  void handle(std::string_view bytes, const udp::endpoint& source);
  void announce();
  void announce_after(Duration delay);
  Duration next_gap();
  void note_error(std::uint64_t MulticastCounters::*counter, const std::string& what);

  const MulticastOptions options_;
  const std::shared_ptr<GossipSealer> sealer_;
  const Sink sink_;
  std::atomic<bool> running_ = false;
  mutable std::mutex mutex_;
  core::MemberClaim self_;      // guarded by mutex_
  MulticastCounters counters_;  // guarded by mutex_

  IoThread io_;
  // Of the thread from here on.
  udp::socket socket_;
  DatagramReceiver receiver_;
  asio::steady_timer timer_;
  udp::endpoint group_;
  Rng rng_;
  Duration gap_ = kFirstGap;
  std::map<NodeId, Incarnation> known_;  // heard before; at most core::kMaxMembers
};

Multicast::Impl::Impl(MulticastOptions options, std::shared_ptr<GossipSealer> sealer,
                      core::MemberClaim self, Sink sink)
    : options_(std::move(options)),
      sealer_(std::move(sealer)),
      sink_(std::move(sink)),
      self_(std::move(self)),
      socket_(io_.context()),
      receiver_(socket_, {[this](std::string_view bytes, const udp::endpoint& source) {
                            handle(bytes, source);
                          },
                          [this](const std::error_code& error) {
                            note_error(&MulticastCounters::receive_errors, error.message());
                          }}),
      timer_(io_.context()),
      rng_(derive_seed({self_.node.value(), self_.version.incarnation.value()})) {
  SKIPTRAIN_CHECK(self_.info && self_.state == core::MemberState::kAlive,
                  "who announces itself is alive and says who it is");
}

Status Multicast::Impl::unavailable(const std::error_code& error) const {
  const std::string hint = error == std::errc::no_such_device
                               ? "; no interface leads there, name one in `interface`"
                               : "";
  return fail(ErrorCode::kUnavailable,
              "multicast group " + options_.group + ": " + error.message() + hint);
}

std::error_code Multicast::Impl::join_v4(const asio::ip::address_v4& interface) {
  std::error_code error;
  if (!interface.is_unspecified()) {
    socket_.set_option(asio::ip::multicast::outbound_interface(interface), error);
  }
  if (!error) {
    socket_.set_option(asio::ip::multicast::join_group(group_.address().to_v4(), interface), error);
  }
  return error;
}

std::error_code Multicast::Impl::join_v6(unsigned interface) {
  std::error_code error;
  if (interface != 0) {
    socket_.set_option(asio::ip::multicast::outbound_interface(interface), error);
  }
  if (!error) {
    socket_.set_option(asio::ip::multicast::join_group(group_.address().to_v6(), interface), error);
  }
  return error;
}

Status Multicast::Impl::open() {
  std::error_code error;
  socket_.open(group_.protocol(), error);
  // Several nodes on one machine share the port.
  if (!error) socket_.set_option(udp::socket::reuse_address(true), error);
  // To the group's own address, so that nothing else on this port is heard.
  if (!error) socket_.bind(group_, error);
  if (!error) socket_.set_option(asio::ip::multicast::hops(options_.hops), error);
  if (!error) socket_.set_option(asio::ip::multicast::enable_loopback(true), error);
  if (!error) socket_.non_blocking(true, error);
  if (error) return unavailable(error);
  if (group_.address().is_v4()) {
    const auto interface =
        numeric_address(options_.interface.empty() ? "0.0.0.0" : options_.interface);
    if (!interface || !interface->is_v4()) {
      return fail(ErrorCode::kInvalidArgument,
                  "multicast interface \"" + options_.interface +
                      "\": for an IPv4 group it must be the IPv4 address of an interface");
    }
    error = join_v4(interface->to_v4());
  } else {
    const unsigned index =
        options_.interface.empty() ? 0 : ::if_nametoindex(options_.interface.c_str());
    if (index == 0 && !options_.interface.empty()) {
      return fail(ErrorCode::kInvalidArgument,
                  "multicast interface \"" + options_.interface +
                      "\": for an IPv6 group it must be the name of an interface");
    }
    error = join_v6(index);
  }
  return error ? unavailable(error) : Status();
}

Status Multicast::Impl::start() {
  SKIPTRAIN_CHECK(!running_, "multicast is started once");
  const auto address = wire::parse_host_port(options_.group);
  if (!address) return tl::unexpected(address.error());
  const auto group = numeric_address(address->host);
  if (!group || !group->is_multicast() || address->port == 0) {
    return fail(ErrorCode::kInvalidArgument,
                "multicast group \"" + options_.group +
                    "\": must be a multicast address and a port, as 239.255.83.84:7947");
  }
  group_ = udp::endpoint(*group, address->port);
  if (Status ok = open(); !ok) {
    std::error_code ignored;
    socket_.close(ignored);
    return ok;
  }
  running_ = true;
  receiver_.receive();
  announce_after(Duration::zero());
  io_.start();
  return {};
}

void Multicast::Impl::stop() {
  running_ = false;
  io_.stop();
  std::error_code ignored;
  socket_.close(ignored);
}

void Multicast::Impl::handle(std::string_view bytes, const udp::endpoint& source) {
  auto claim = sealer_->open_announcement(bytes);
  if (!claim) return;
  const auto known = known_.find(claim->node);
  const bool is_new = known == known_.end() || known->second != claim->version.incarnation;
  if (is_new) {
    if (known_.size() >= core::kMaxMembers) known_.clear();
    known_[claim->node] = claim->version.incarnation;
    gap_ = kFirstGap;
    announce_after(Duration(static_cast<Duration::rep>(
        rng_.uniform() * static_cast<double>(std::min(kAnswerWithin, options_.period).count()))));
  }
  sink_(std::move(*claim), show(source));
}

void Multicast::Impl::announce_after(Duration delay) {
  timer_.expires_after(delay);
  timer_.async_wait([this](const std::error_code& aborted) {
    if (aborted || !running_) return;
    announce();
    announce_after(next_gap());
  });
}

// With a tenth of jitter, so that nodes that were started together do not stay together.
Duration Multicast::Impl::next_gap() {
  const Duration gap = std::min(gap_, options_.period);
  gap_ = std::min(gap * 2, options_.period);
  return Duration(
      static_cast<Duration::rep>(static_cast<double>(gap.count()) * (0.9 + 0.2 * rng_.uniform())));
}

void Multicast::Impl::announce() {
  core::MemberClaim self;
  {
    const std::lock_guard lock(mutex_);
    self = self_;
  }
  const auto envelope = sealer_->seal_announcement(self);
  if (!envelope) return note_error(&MulticastCounters::send_errors, envelope.error().message);
  std::error_code error;
  socket_.send_to(asio::buffer(*envelope), group_, 0, error);
  if (error) return note_error(&MulticastCounters::send_errors, error.message());
  const std::lock_guard lock(mutex_);
  ++counters_.announced;
}

void Multicast::Impl::note_error(std::uint64_t MulticastCounters::*counter,
                                 const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++(counters_.*counter);
  counters_.last_error = what;
}

void Multicast::Impl::set_self(core::MemberClaim self) {
  SKIPTRAIN_CHECK(self.info && self.state == core::MemberState::kAlive,
                  "who announces itself is alive and says who it is");
  const std::lock_guard lock(mutex_);
  self_ = std::move(self);
}

MulticastCounters Multicast::Impl::counters() const {
  MulticastCounters result;
  {
    const std::lock_guard lock(mutex_);
    result = counters_;
  }
  result.seal = sealer_->counters(EnvelopeKind::kAnnouncement);
  return result;
}

Multicast::Multicast(MulticastOptions options, std::shared_ptr<GossipSealer> sealer,
                     core::MemberClaim self, Sink sink)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(sealer), std::move(self),
                                   std::move(sink))) {}

Multicast::~Multicast() {
  stop();
}

Status Multicast::start() {
  return impl_->start();
}
void Multicast::stop() {
  impl_->stop();
}
void Multicast::set_self(core::MemberClaim self) {
  impl_->set_self(std::move(self));
}
MulticastCounters Multicast::counters() const {
  return impl_->counters();
}

}  // namespace skiptrain::discovery
