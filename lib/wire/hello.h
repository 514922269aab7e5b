// Whether two nodes may exchange updates: the comparison of their Hellos.
//
// Pure; both sides of a stream run it and come to the same verdict.
#pragma once

#include <optional>
#include <string>

#include "wire/messages.h"

namespace skiptrain::wire {

// "node 3 (name)", or "node 3" if it has no name.
std::string describe(NodeId id, const std::string& name);

// nullopt if `theirs` may exchange with `ours`; else the goodbye to send. Its detail names the
// values of both sides, since operators of both read it. Checks the protocol version, cluster,
// run id, layout, compression and the run's settings, in
// this order, so that a different model or compression is named as such; whether the node is a
// neighbour, and who may dial, is for the transport to say.
std::optional<Goodbye> check_hello(const Hello& ours, const Hello& theirs);

}  // namespace skiptrain::wire
