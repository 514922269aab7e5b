// `peers`: the neighbours as the node sees them, and why a link is not there.
#include <string>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/node_command.h"
#include "proto/enum_words.h"

namespace skiptrain::ctl {
namespace {

Style link_style(const v1::Neighbour& neighbour) {
  if (neighbour.link() == v1::LINK_STATE_CONNECTED) return Style::kGood;
  return is_broken(neighbour) ? Style::kBad : Style::kDim;
}

Cell activity_cell(const v1::Neighbour& neighbour) {
  if (neighbour.activity() == v1::ACTIVITY_UNSPECIFIED) return Cell("-");
  if (neighbour.straggler()) return Cell(word(neighbour.activity()) + ", straggler", Style::kWarn);
  return Cell(word(neighbour.activity()));
}

Row peer_row(const v1::Neighbour& n) {
  return {
      Cell(node_text(n.node_id(), n.node_name())), Cell(std::to_string(n.node_id())),
      Cell(n.address()), Cell(word(n.link()), link_style(n)), activity_cell(n),
      Cell(std::to_string(n.round())), Cell(n.degree() == 0 ? "-" : std::to_string(n.degree())),
      Cell(fixed(n.weight(), 4)), Cell(std::to_string(n.updates_received())),
      Cell(std::to_string(n.updates_late())), Cell(std::to_string(n.updates_missed())),
      Cell(std::to_string(n.updates_rejected())), Cell(bytes_text(n.bytes_sent())),
      Cell(bytes_text(n.bytes_received())),
      Cell(n.last_heard_seconds() < 0 ? "never" : seconds_text(n.last_heard_seconds()) + " ago"),
      // The reason of a trouble that is over only widens the table; JSON has it.
      Cell(n.link() == v1::LINK_STATE_CONNECTED ? "" : n.last_error())};
}

NodeCommand<v1::ListPeersResponse> peers_command() {
  return table_command<v1::ListPeersResponse>(
      [](Client& client) { return client.peers(); },
      {"neighbour", ">id", "address", "link", "activity", ">round", ">degree", ">weight",
       ">updates", ">late", ">missed", ">rejected", ">sent", ">received", ">heard", "last error"},
      [](const v1::ListPeersResponse& peers) {
        std::vector<Row> rows;
        for (const auto& neighbour : peers.neighbours()) rows.push_back(peer_row(neighbour));
        return rows;
      });
}

}  // namespace

void add_peers_command(CLI::App& root, Selection& selection) {
  root.add_subcommand("peers", "The neighbours as this node sees them, with the last error of each")
      ->callback([&selection] {
        selection.action = [](Context& context) { return run(context, peers_command()); };
      });
}

}  // namespace skiptrain::ctl
