// Free TCP ports on loopback for daemons that are started in a moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/error.h"

namespace skiptrain::ctl {

// `count` different ports, each free when looked at. They lie outside the kernel's range for
// outgoing connections where there is room: the first daemons dial while the last are not up yet,
// and a dialled connection must not take a port that a later daemon is to listen on.
Result<std::vector<std::uint16_t>> find_free_ports(std::size_t count);

}  // namespace skiptrain::ctl
