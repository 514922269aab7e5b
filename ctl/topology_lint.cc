// `topology lint`: what a graph is good for, before any node runs on it. Asks no daemon.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/topology/adjacency_list.h"
#include "core/topology/build_topology.h"
#include "core/topology/topology_report.h"
#include "ctl/commands.h"
#include "ctl/files.h"
#include "ctl/json.h"

namespace skiptrain::ctl {
namespace {

// About 400 MB; the complete graph of 8 000 nodes.
constexpr double kMaxEdges = 32e6;
// Of a part that is cut off, in the message.
constexpr std::size_t kMaxNamedNodes = 8;

struct LintOptions {
  std::string spec;
  std::optional<std::size_t> nodes;
  std::uint64_t seed = 1;  // that of run.seed
};

struct Lint {
  const LintOptions& options;
  core::TopologyReport report;
};

Outcome<core::Topology> read_graph(const std::string& path, const LintOptions& options) {
  const auto text = read_file(path);
  if (!text) return tl::unexpected(to_failure(text.error()));
  auto graph = core::parse_adjacency_list(*text, path, core::Disconnected::kAllow);
  if (!graph) return failure(ExitCode::kError, graph.error().message);
  if (options.nodes && *options.nodes != graph->node_count()) {
    return failure(ExitCode::kUsage, "--nodes " + std::to_string(*options.nodes) + ": " + path +
                                         " is a graph of " + std::to_string(graph->node_count()) +
                                         " nodes");
  }
  return *std::move(graph);
}

Outcome<core::Topology> build_graph(const core::TopologySpec& spec, const LintOptions& options) {
  using Kind = core::TopologySpec::Kind;
  if (!options.nodes) {
    return failure(ExitCode::kUsage, "topology " + options.spec + ": --nodes must be given",
                   "only a file says how many nodes it has");
  }
  const auto nodes = static_cast<double>(*options.nodes);
  const double degree = spec.kind == Kind::kComplete  ? nodes - 1.0
                        : spec.kind == Kind::kRegular ? spec.parameter
                        : spec.kind == Kind::kRings   ? 2.0 * spec.parameter
                                                      : 0.0;
  if (*options.nodes <= core::kMaxTopologyNodes && nodes * degree / 2.0 > kMaxEdges) {
    return failure(ExitCode::kUsage, "topology " + options.spec + " on " +
                                         std::to_string(*options.nodes) +
                                         " nodes has too many edges to look at: at most " +
                                         std::to_string(static_cast<std::size_t>(kMaxEdges)));
  }
  auto graph = core::build_topology(spec, *options.nodes, options.seed);
  if (!graph) return tl::unexpected(to_failure(graph.error()));
  return *std::move(graph);
}

std::string significant(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

// "the graph is in 2 parts ..."; empty if it is in one.
std::string disconnected_text(const core::TopologyReport& report) {
  if (report.connected()) return "";
  const auto& smallest = report.parts.back();
  std::string named;
  for (std::size_t i = 0; i < smallest.size() && i < kMaxNamedNodes; ++i) {
    named += (i == 0 ? "" : ", ") + std::to_string(smallest[i]);
  }
  if (smallest.size() > kMaxNamedNodes) named += ", ...";
  return "the graph is disconnected: " + std::to_string(report.parts.size()) +
         " parts, the smallest with node" + (smallest.size() == 1 ? " " : "s ") + named;
}

Json json_of(const Lint& lint) {
  const core::TopologyReport& report = lint.report;
  Json parts = Json::array();
  for (const auto& part : report.parts) parts.push_back(part.size());
  Json problems = Json::array();
  if (!report.connected()) problems.push_back(disconnected_text(report));
  return {{"topology", lint.options.spec},
          {"seed", lint.options.seed},
          {"nodes", report.nodes},
          {"edges", report.edges},
          {"connected", report.connected()},
          {"part_sizes", std::move(parts)},
          {"degree",
           {{"min", report.min_degree}, {"mean", report.mean_degree}, {"max", report.max_degree}}},
          {"diameter", report.diameter ? Json(*report.diameter) : Json()},
          {"diameter_exact", report.diameter_is_exact},
          {"spectral_gap", report.gap.value},
          {"spectral_gap_exact", report.gap.converged},
          {"rounds_to_consensus",
           report.rounds_to_consensus ? Json(*report.rounds_to_consensus) : Json()},
          {"problems", std::move(problems)}};
}

void print(const Lint& lint, Screen& screen) {
  const core::TopologyReport& report = lint.report;
  const bool connected = report.connected();
  std::string consensus = "never";
  if (report.rounds_to_consensus) {
    char rounds[32];
    std::snprintf(rounds, sizeof rounds, "%.0f", *report.rounds_to_consensus);
    consensus = std::string(report.gap.converged ? "" : "more than ") + rounds +
                (*report.rounds_to_consensus == 1.0 ? " round" : " rounds") + " of mixing to " +
                percent(core::kConsensusFraction) + " of the distance";
  }
  print_fields(
      screen,
      {{"topology", lint.options.spec},
       {"nodes", std::to_string(report.nodes)},
       {"edges", std::to_string(report.edges)},
       {"connected",
        connected ? Cell("yes", Style::kGood)
                  : Cell("no, " + std::to_string(report.parts.size()) + " parts", Style::kBad)},
       {"degree", "min " + std::to_string(report.min_degree) + ", mean " +
                      fixed(report.mean_degree, 2) + ", max " + std::to_string(report.max_degree)},
       {"diameter", report.diameter ? (report.diameter_is_exact ? "" : "at least ") +
                                          std::to_string(*report.diameter)
                                    : "none"},
       {"spectral gap", (report.gap.converged ? "" : "below ") + significant(report.gap.value)},
       {"consensus", consensus}});
}

Outcome<ExitCode> lint(Context& context, const LintOptions& options) {
  const auto spec = core::parse_topology_spec(options.spec);
  if (!spec) return tl::unexpected(to_failure(spec.error()));
  const auto graph = spec->kind == core::TopologySpec::Kind::kFile ? read_graph(spec->path, options)
                                                                   : build_graph(*spec, options);
  if (!graph) return tl::unexpected(graph.error());
  const Lint result{options, core::report_topology(*graph)};
  const bool connected = result.report.connected();
  if (context.globals.json) {
    context.screen.out << json_of(result).dump(2) << '\n';
    return connected ? ExitCode::kOk : ExitCode::kError;
  }
  print(result, context.screen);
  if (connected) return ExitCode::kOk;
  return failure(ExitCode::kError, disconnected_text(result.report),
                 "its parts would learn a model each; join them by an edge");
}

}  // namespace

void add_topology_lint_command(CLI::App& topology, Selection& selection) {
  auto* command = topology.add_subcommand(
      "lint", "Connectivity, degrees, diameter, spectral gap and rounds to consensus of a graph");
  auto options = std::make_shared<LintOptions>();
  command->add_option("SPEC", options->spec, core::kStaticTopologySpecs)->required();
  command->add_option("--nodes", options->nodes, "Nodes; a file says itself how many");
  command->add_option("--seed", options->seed, "For regular:D and rings:K")->capture_default_str();
  command->callback([&selection, options] {
    selection.action = [options](Context& context) { return lint(context, *options); };
  });
}

}  // namespace skiptrain::ctl
