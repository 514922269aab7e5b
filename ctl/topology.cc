// `topology show`: the graph that the node mixes on, as a table or for Graphviz; and the noun
// itself.
#include <map>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/node_command.h"

namespace skiptrain::ctl {
namespace {

using Topology = v1::GetTopologyResponse;

std::map<std::uint64_t, std::string> names_of(const Topology& topology) {
  std::map<std::uint64_t, std::string> names;
  for (const auto& vertex : topology.vertices()) {
    names[vertex.node_id()] = node_text(vertex.node_id(), vertex.node_name());
  }
  return names;
}

void print_topology(const Topology& topology, Screen& screen) {
  const auto names = names_of(topology);
  std::map<std::uint64_t, std::string> neighbours;
  const auto note = [&](std::uint64_t of, std::uint64_t other) {
    std::string& list = neighbours[of];
    list += (list.empty() ? "" : ", ") + names.at(other);
  };
  for (const auto& edge : topology.edges()) {
    if (!names.contains(edge.a()) || !names.contains(edge.b())) continue;
    note(edge.a(), edge.b());
    note(edge.b(), edge.a());
  }
  print_fields(screen, {{"topology", topology.spec()},
                        {"nodes", std::to_string(topology.vertices_size())},
                        {"edges", std::to_string(topology.edges_size())},
                        {"connected", topology.connected() ? "yes" : "no"},
                        {"diameter", std::to_string(topology.diameter())},
                        {"spectral gap", fixed(topology.spectral_gap(), 6)}});
  screen.out << '\n';
  Table table({"node", ">id", "address", ">degree", "neighbours"});
  for (const auto& vertex : topology.vertices()) {
    const bool self = vertex.node_id() == topology.self();
    table.add({Cell(names.at(vertex.node_id()), self ? Style::kBold : Style::kPlain),
               Cell(std::to_string(vertex.node_id())), Cell(vertex.address()),
               Cell(std::to_string(vertex.degree())), Cell(neighbours[vertex.node_id()])});
  }
  table.print(screen);
}

std::string dot_quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

void print_dot(const Topology& topology, Screen& screen) {
  screen.out << "graph skiptrain {\n";
  for (const auto& vertex : topology.vertices()) {
    screen.out << "  " << vertex.node_id()
               << " [label=" << dot_quoted(node_text(vertex.node_id(), vertex.node_name()))
               << "];\n";
  }
  for (const auto& edge : topology.edges()) {
    screen.out << "  " << edge.a() << " -- " << edge.b() << " [label=\"" << fixed(edge.weight(), 3)
               << "\"];\n";
  }
  screen.out << "}\n";
}

NodeCommand<Topology> topology_command(bool dot) {
  NodeCommand<Topology> command;
  command.ask = [](Client& client) { return client.topology(); };
  command.print = dot ? print_dot : print_topology;
  command.columns = {"topology", ">nodes", ">edges", "connected", ">diameter", ">spectral gap"};
  command.rows = [](const Topology& t) {
    return std::vector<Row>{{Cell(t.spec()), Cell(std::to_string(t.vertices_size())),
                             Cell(std::to_string(t.edges_size())),
                             Cell(t.connected() ? "yes" : "no"), Cell(std::to_string(t.diameter())),
                             Cell(fixed(t.spectral_gap(), 6))}};
  };
  return command;
}

}  // namespace

void add_topology_command(CLI::App& root, Selection& selection) {
  auto* topology = root.add_subcommand("topology", "The graph that the nodes mix on");
  add_topology_lint_command(*topology, selection);
  auto* show = topology->add_subcommand("show", "Nodes, edges and mixing weights");
  auto dot = std::make_shared<bool>(false);
  show->add_flag("--dot", *dot, "As a Graphviz graph");
  show->callback([&selection, dot] {
    selection.action = [dot](Context& context) -> Outcome<ExitCode> {
      if (*dot && (context.globals.all || context.globals.json)) {
        return failure(ExitCode::kUsage,
                       "--dot shows one node's graph; it goes without --all and "
                       "-o json");
      }
      return run(context, topology_command(*dot));
    };
  });
}

}  // namespace skiptrain::ctl
