#include "transport/process_settings.h"

#include <cstdlib>

namespace skiptrain::transport {

void read_whole_frames() {
  constexpr int kKeepIfSet = 0;
  ::setenv("GRPC_EXPERIMENTS", "tcp_frame_size_tuning,tcp_rcv_lowat", kKeepIfSet);
}

}  // namespace skiptrain::transport
