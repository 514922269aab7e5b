// Settings of gRPC that hold for a whole process, not for one channel or server.
#pragma once

namespace skiptrain::transport {

// Has gRPC wait until an HTTP/2 frame is nearly whole (SO_RCVLOWAT) and read it at one go, instead
// of being woken for every few packets: a round of large models takes a tenth less time. gRPC 1.51
// has this as its "experiments" tcp_frame_size_tuning and tcp_rcv_lowat. It cannot wait for ever:
// flow control is settled before a frame is begun, so the rest of a frame is always on its way.
//
// Call first in main(), before any thread and any object of gRPC: it sets GRPC_EXPERIMENTS in the
// environment, unless that is set already, be it to nothing.
void read_whole_frames();

}  // namespace skiptrain::transport
