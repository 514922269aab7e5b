// The receiving half of a UDP socket: one datagram after the other, whatever goes wrong. Private to
// lib/discovery; belongs to the thread of the socket's context.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <string_view>
#include <system_error>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/ip/udp.hpp>
#include <asio/steady_timer.hpp>

#include "core/membership/messages.h"

namespace skiptrain::discovery {

class DatagramReceiver {
 public:
  struct Handlers {
    std::function<void(std::string_view bytes, const asio::ip::udp::endpoint& source)> received;
    std::function<void(const std::error_code& error)> failed;
  };

  // `socket` must outlive it.
  DatagramReceiver(asio::ip::udp::socket& socket, Handlers handlers)
      : socket_(socket), pause_(socket.get_executor()), handlers_(std::move(handlers)) {}

  // Until the socket is closed or its context stopped.
  void receive() {
    socket_.async_receive_from(
        asio::buffer(buffer_), source_, [this](const std::error_code& error, std::size_t size) {
          if (error == asio::error::operation_aborted) return;
          if (!error) {
            handlers_.received(std::string_view(buffer_.data(), size), source_);
            return receive();
          }
          handlers_.failed(error);
          pause_.expires_after(kPauseAfterError);
          pause_.async_wait([this](const std::error_code& aborted) {
            if (!aborted) receive();
          });
        });
  }

 private:
  // A socket that fails at once each time would otherwise take a whole core.
  static constexpr std::chrono::milliseconds kPauseAfterError{50};

  asio::ip::udp::socket& socket_;
  asio::steady_timer pause_;
  const Handlers handlers_;
  asio::ip::udp::endpoint source_;
  // One byte more than a packet may have, so that a longer one is told from one that fits.
  std::array<char, core::kMaxGossipPacketBytes + 1> buffer_;
};

}  // namespace skiptrain::discovery
