#include "discovery/udp_gossip.h"

#include <atomic>
#include <future>
#include <mutex>
#include <string_view>
#include <system_error>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/ip/udp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>

#include "base/check.h"
#include "discovery/address_book.h"
#include "discovery/datagram_receiver.h"
#include "discovery/io_thread.h"
#include "discovery/ip_endpoint.h"
#include "wire/address.h"

namespace skiptrain::discovery {
namespace {

using asio::ip::udp;

Instant now() {
  return Instant(std::chrono::steady_clock::now().time_since_epoch());
}

Error cannot_bind(const std::string& address, const std::error_code& error) {
  if (error == std::errc::address_in_use) {
    return {ErrorCode::kUnavailable, "gossip address " + address +
                                         " (UDP) is in use by another process; stop it or take "
                                         "another port"};
  }
  if (error == std::errc::permission_denied) {
    return {ErrorCode::kUnavailable,
            "gossip address " + address + " (UDP): permission denied; take a port above 1023"};
  }
  return {ErrorCode::kUnavailable,
          "cannot bind the gossip address " + address + " (UDP): " + error.message()};
}

}  // namespace

class UdpGossip::Impl {
 public:
  Impl(UdpGossipOptions options, std::shared_ptr<GossipSealer> sealer, Sink sink);

  Status start();
  void stop();
  std::string local_address() const;
  void send(std::string address, core::GossipPacket packet);
  UdpGossipCounters counters() const;

 private:
  Result<udp::endpoint> bind_endpoint(const wire::HostPort& address);
  Status bind(const udp::endpoint& endpoint);
  void handle(std::string_view bytes, const udp::endpoint& source);
  void receive_failed();
  void resolve_and_transmit(const std::string& address, core::GossipPacket packet);
  void transmit(const udp::endpoint& endpoint, const std::string& address,
                const core::GossipPacket& packet);
  void not_sent(std::uint64_t UdpGossipCounters::*counter, const std::string& address,
                const std::string& why);
  void look_up(const std::string& host);

  const UdpGossipOptions options_;
  const std::shared_ptr<GossipSealer> sealer_;
  const Sink sink_;
  std::atomic<bool> running_ = false;
  std::atomic<std::size_t> queued_ = 0;
  mutable std::mutex mutex_;
  UdpGossipCounters counters_;  // guarded by mutex_
  std::string local_address_;   // guarded by mutex_

  IoThread io_;
  // Of the thread from here on.
  udp::socket socket_;
  DatagramReceiver receiver_;
  bool is_v6_ = false;
  AddressBook names_;
  // Last, so that it is destroyed first: its answers are posted to the thread.
  NameResolver resolver_;
};

UdpGossip::Impl::Impl(UdpGossipOptions options, std::shared_ptr<GossipSealer> sealer, Sink sink)
    : options_(std::move(options)),
      sealer_(std::move(sealer)),
      sink_(std::move(sink)),
      socket_(io_.context()),
      receiver_(socket_, {[this](std::string_view bytes, const udp::endpoint& source) {
                            handle(bytes, source);
                          },
                          [this](const std::error_code&) { receive_failed(); }}),
      names_(
          {kMaxKnownNames, kMaxPacketsPerLookup, options_.address_lifetime,
           options_.retry_lookup_after},
          [this](const asio::ip::address& address) { return is_v6_ || address.is_v4(); },
          [this](const std::string& host) { look_up(host); }),
      resolver_(options_.lookup) {}

Result<udp::endpoint> UdpGossip::Impl::bind_endpoint(const wire::HostPort& address) {
  if (const auto numeric = numeric_address(address.host)) {
    return udp::endpoint(*numeric, address.port);
  }
  const auto promise = std::make_shared<std::promise<Result<NameResolver::Addresses>>>();
  resolver_.resolve(
      address.host, options_.lookup_timeout,
      [promise](Result<NameResolver::Addresses> answer) { promise->set_value(std::move(answer)); });
  const auto answer = promise->get_future().get();
  if (!answer) {
    return fail(ErrorCode::kUnavailable, "cannot bind the gossip address " + to_string(address) +
                                             " (UDP): " + answer.error().message);
  }
  return udp::endpoint(*numeric_address(answer->front()), address.port);
}

Status UdpGossip::Impl::bind(const udp::endpoint& endpoint) {
  std::error_code error;
  socket_.open(endpoint.protocol(), error);
  if (error) return tl::unexpected(cannot_bind(show(endpoint), error));
  is_v6_ = endpoint.protocol() == udp::v6();
  std::error_code ignored;
  if (is_v6_) socket_.set_option(asio::ip::v6_only(false), ignored);
  socket_.set_option(udp::socket::receive_buffer_size(options_.socket_buffer_bytes), ignored);
  socket_.set_option(udp::socket::send_buffer_size(options_.socket_buffer_bytes), ignored);
  socket_.bind(endpoint, error);
  if (!error) socket_.non_blocking(true, error);
  udp::endpoint bound;
  if (!error) bound = socket_.local_endpoint(error);
  if (error) {
    socket_.close(ignored);
    return tl::unexpected(cannot_bind(show(endpoint), error));
  }
  const std::lock_guard lock(mutex_);
  local_address_ = show(bound);
  return {};
}

Status UdpGossip::Impl::start() {
  SKIPTRAIN_CHECK(!running_, "a socket is started once");
  const auto address = wire::parse_host_port(options_.bind_address);
  if (!address) return tl::unexpected(address.error());
  const auto endpoint = bind_endpoint(*address);
  if (!endpoint) return tl::unexpected(endpoint.error());
  if (Status ok = bind(*endpoint); !ok) return ok;
  running_ = true;
  receiver_.receive();
  io_.start();
  return {};
}

void UdpGossip::Impl::stop() {
  running_ = false;
  resolver_.stop();
  io_.stop();
  // The thread is gone, so the socket is ours.
  std::error_code ignored;
  socket_.close(ignored);
}

void UdpGossip::Impl::handle(std::string_view bytes, const udp::endpoint& source) {
  auto packet = sealer_->open_packet(bytes);
  {
    const std::lock_guard lock(mutex_);
    ++counters_.packets_in;
    counters_.bytes_in += bytes.size();
    if (!packet) {
      counters_.last_drop = std::string(to_string(packet.error().reason)) + " from " +
                            show(source) + ": " + packet.error().detail;
    }
  }
  if (packet) sink_(std::move(*packet), show(source));
}

void UdpGossip::Impl::receive_failed() {
  const std::lock_guard lock(mutex_);
  ++counters_.receive_errors;
}

void UdpGossip::Impl::send(std::string address, core::GossipPacket packet) {
  if (!running_) return;
  if (queued_.fetch_add(1) >= kMaxQueuedPackets) {
    queued_.fetch_sub(1);
    return not_sent(&UdpGossipCounters::out_queue_full, address,
                    std::to_string(kMaxQueuedPackets) + " packets wait to be sent already");
  }
  asio::post(io_.context(), [this, address = std::move(address), packet = std::move(packet)] {
    queued_.fetch_sub(1);
    resolve_and_transmit(address, packet);
  });
}

void UdpGossip::Impl::resolve_and_transmit(const std::string& address, core::GossipPacket packet) {
  const auto parsed = wire::parse_host_port(address);
  if (!parsed) {
    return not_sent(&UdpGossipCounters::out_unresolved, address, parsed.error().message);
  }
  if (const auto numeric = numeric_address(parsed->host)) {
    return transmit(udp::endpoint(*numeric, parsed->port), address, packet);
  }
  names_.find(parsed->host, now(),
              [this, address, port = parsed->port,
               packet = std::move(packet)](const Result<asio::ip::address>& found) {
                if (found) return transmit(udp::endpoint(*found, port), address, packet);
                not_sent(&UdpGossipCounters::out_unresolved, address, found.error().message);
              });
}

void UdpGossip::Impl::transmit(const udp::endpoint& endpoint, const std::string& address,
                               const core::GossipPacket& packet) {
  const auto target = for_family(endpoint, is_v6_);
  if (!target) {
    return not_sent(&UdpGossipCounters::out_failed, address,
                    "an IPv6 address, but the gossip socket is bound to an IPv4 one");
  }
  const auto envelope = sealer_->seal_packet(packet);
  if (!envelope) {
    const bool too_large = envelope.error().code == ErrorCode::kResourceExhausted;
    return not_sent(too_large ? &UdpGossipCounters::out_too_large : &UdpGossipCounters::out_failed,
                    address, envelope.error().message);
  }
  std::error_code error;
  socket_.send_to(asio::buffer(*envelope), *target, 0, error);
  if (error) return not_sent(&UdpGossipCounters::out_failed, address, error.message());
  const std::lock_guard lock(mutex_);
  ++counters_.packets_out;
  counters_.bytes_out += envelope->size();
}

void UdpGossip::Impl::look_up(const std::string& host) {
  resolver_.resolve(host, options_.lookup_timeout,
                    [this, host](Result<NameResolver::Addresses> answer) {
                      asio::post(io_.context(), [this, host, answer = std::move(answer)] {
                        names_.answered(host, answer, now());
                      });
                    });
}

void UdpGossip::Impl::not_sent(std::uint64_t UdpGossipCounters::*counter,
                               const std::string& address, const std::string& why) {
  const std::lock_guard lock(mutex_);
  ++(counters_.*counter);
  counters_.last_send_error = "to " + address + ": " + why;
}

std::string UdpGossip::Impl::local_address() const {
  const std::lock_guard lock(mutex_);
  return local_address_;
}

UdpGossipCounters UdpGossip::Impl::counters() const {
  UdpGossipCounters result;
  {
    const std::lock_guard lock(mutex_);
    result = counters_;
  }
  result.seal = sealer_->counters(EnvelopeKind::kPacket);
  return result;
}

UdpGossip::UdpGossip(UdpGossipOptions options, std::shared_ptr<GossipSealer> sealer, Sink sink)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(sealer), std::move(sink))) {}

UdpGossip::~UdpGossip() {
  stop();
}

Status UdpGossip::start() {
  return impl_->start();
}
void UdpGossip::stop() {
  impl_->stop();
}
std::string UdpGossip::local_address() const {
  return impl_->local_address();
}
void UdpGossip::send(std::string address, core::GossipPacket packet) {
  impl_->send(std::move(address), std::move(packet));
}
UdpGossipCounters UdpGossip::counters() const {
  return impl_->counters();
}

}  // namespace skiptrain::discovery
