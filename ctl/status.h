// What `status`, `health` and `watch` show of a node: its status and its neighbours together.
#pragma once

#include <string>
#include <vector>

#include "ctl/client.h"
#include "ctl/render.h"

namespace skiptrain::ctl {

struct NodeView {
  v1::GetStatusResponse status;
  v1::ListPeersResponse peers;
};

Outcome<NodeView> ask_view(Client& client);

// One line per node: the columns after the node's name, and the cells under them.
const std::vector<std::string>& status_columns();
Row status_row(const v1::GetStatusResponse& status);

// All of one node's state as fields.
void print_status(const NodeView& view, Screen& screen);

}  // namespace skiptrain::ctl
