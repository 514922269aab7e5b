// What would end a start anyway, found before it costs anything: before a state is made or opened,
// data are read, or others hear of the node. The answers may be out of date a moment later; what is
// checked here is checked again where it is used. Blocking, but short.
#pragma once

#include "base/error.h"
#include "daemon/config/config.h"

namespace skiptrain::daemon {

// kNotFound with the key and the path of the first file or folder of [data] that is not there.
Status check_data_is_there(const Config& config);

// kUnavailable with the key and the address if another process listens on a TCP port of this
// node's, or the address is not of this machine.
Status check_ports_are_free(const Config& config);

}  // namespace skiptrain::daemon
