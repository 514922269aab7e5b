// Orders to the whole run: issued at one node, from where they spread to all.
#pragma once

#include <string>

#include "ctl/commands.h"
#include "skiptrain/v1/control.pb.h"

namespace skiptrain::ctl {

// "skiptrain 4/4", "learning rate 0.05", "pause"
std::string order_text(const v1::Directive& directive);

// Issues it at the asked node and says from which round on it holds; warns of a round that is too
// early for all nodes to switch together. --all changes nothing: every node hears of it anyway.
Outcome<ExitCode> issue(Context& context, const v1::IssueDirectiveRequest& request);

}  // namespace skiptrain::ctl
