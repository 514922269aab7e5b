#include "transport/link.h"

#include <algorithm>

namespace skiptrain::transport {

ports::LinkReport Link::report(std::chrono::steady_clock::time_point now) const {
  ports::LinkReport report;
  report.peer = peer;
  report.name = name;
  report.address = address;
  report.state = state;
  report.incarnation = incarnation;
  report.dialled_by_us = dialled_by_us;
  report.bytes_sent = bytes_sent;
  report.bytes_received = bytes_received;
  report.update_bytes_sent = update_bytes.sent;
  report.plain_update_bytes_sent = update_bytes.plain;
  report.updates_received = updates_received;
  report.updates_rejected = updates_rejected;
  report.updates_dropped = updates_dropped;
  report.reconnects = streams > 1 ? streams - 1 : 0;
  report.last_error = last_error;
  auto heard = last_heard;
  for (const StreamPtr& stream : bound) {
    report.bytes_sent += stream->bytes_sent();
    report.bytes_received += stream->bytes_received();
    const auto updates = stream->update_bytes();
    report.update_bytes_sent += updates.sent;
    report.plain_update_bytes_sent += updates.plain;
    heard = std::max(heard, stream->last_heard());  // an empty optional is the least
  }
  if (heard) report.last_heard_seconds = std::max(0.0, to_seconds(now - *heard));
  return report;
}

void Link::bind(const StreamPtr& stream) {
  if (std::find(bound.begin(), bound.end(), stream) == bound.end()) bound.push_back(stream);
}

void Link::absorb(const StreamPtr& stream) {
  if (std::erase(bound, stream) == 0) return;
  bytes_sent += stream->bytes_sent();
  bytes_received += stream->bytes_received();
  const auto updates = stream->update_bytes();
  update_bytes.sent += updates.sent;
  update_bytes.plain += updates.plain;
  last_heard = std::max(last_heard, stream->last_heard());
}

bool newer_stream_wins(Incarnation current, Incarnation arriving) {
  return arriving >= current;
}

Duration reconnect_delay(std::uint32_t failures, bool refused, Duration min, Duration max,
                         Rng& rng) {
  constexpr std::uint32_t kMaxDoublings = 30;
  Duration delay = max;
  if (!refused) {
    const std::uint32_t doublings = std::min(failures == 0 ? 0 : failures - 1, kMaxDoublings);
    delay = min;
    for (std::uint32_t i = 0; i < doublings && delay < max; ++i) delay *= 2;
    delay = std::min(delay, max);
  }
  return from_seconds(to_seconds(delay) * (0.5 + 0.5 * rng.uniform()));
}

}  // namespace skiptrain::transport
