// `data inspect` and `data partition`: what is in a set, and how it would be dealt, before anything
// is trained on it. Asks no daemon.
#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/data/deal.h"
#include "ctl/data/deal_chart.h"
#include "ctl/data/inspection.h"
#include "ctl/data/picture.h"
#include "ctl/files.h"
#include "ctl/json.h"

namespace skiptrain::ctl {
namespace {

constexpr std::size_t kShownClasses = 40;
constexpr std::size_t kShownValues = 8;  // of a sample that is no picture
constexpr std::size_t kShownRows = 4;
constexpr std::size_t kBarColumns = 30;
constexpr std::uint32_t kMaxSamples = 256;
constexpr std::uint32_t kMaxNodes = 4096;  // as a cluster may have

struct InspectFlags {
  InspectOptions options;
  std::string path;
  std::string picture;
};

std::string shape_text(const InspectedPart& part) {
  if (!part.has_values) return "-";
  if (is_picture(part.samples.shape)) return data::to_string(part.samples.shape);
  return std::to_string(part.samples.shape.value_count()) + " values";
}

Json json_of(const Inspection& inspection) {
  Json arrays = Json::array();
  for (const auto& [name, type] : inspection.arrays) {
    arrays.push_back({{"name", name}, {"type", type}});
  }
  Json parts = Json::array();
  for (const InspectedPart& part : inspection.parts) {
    Json labels = Json::array();
    if (part.has_labels) {
      for (const auto& [label, count] : part.histogram) {
        labels.push_back({{"label", label}, {"count", count}});
      }
    }
    const data::ImageShape& shape = part.samples.shape;
    const std::uint32_t width = part.samples.target_width;
    parts.push_back(
        {{"name", part.name},
         {"count", part.count},
         {"shape", part.has_values ? Json({shape.channels, shape.height, shape.width}) : Json()},
         {"dtype", part.dtype},
         {"classes", part.has_labels ? Json(part.histogram.size()) : Json()},
         {"labels", std::move(labels)},
         {"targets", width > 0 ? Json(width) : Json()},
         {"users", part.users > 0 ? Json(part.users) : Json()}});
  }
  return {{"path", inspection.path},
          {"format", inspection.format},
          {"arrays", std::move(arrays)},
          {"parts", std::move(parts)}};
}

void print_histogram(const InspectedPart& part, Screen& screen) {
  std::uint64_t most = 1;
  for (const auto& [label, count] : part.histogram) most = std::max(most, count);
  Table table({">label", ">samples", ">part", ""});
  std::size_t shown = 0;
  for (const auto& [label, count] : part.histogram) {
    if (shown++ == kShownClasses) break;
    const auto columns = (count * kBarColumns + most - 1) / most;
    table.add({std::to_string(label), std::to_string(count),
               percent(static_cast<double>(count) / static_cast<double>(part.count)),
               std::string(columns, '#')});
  }
  screen.out << '\n';
  table.print(screen);
  if (part.histogram.size() > kShownClasses) {
    screen.out << "and " << part.histogram.size() - kShownClasses << " classes more\n";
  }
}

void print_values(const data::Dataset& samples, Screen& screen) {
  for (std::size_t i = 0; i < std::min(samples.size(), kShownRows); ++i) {
    const std::size_t count = samples.shape.value_count();
    for (std::size_t k = 0; k < std::min(count, kShownValues); ++k) {
      screen.out << (k > 0 ? "  " : "")
                 << (samples.holds_floats() ? fixed(samples.float_sample(i)[k], 4)
                                            : std::to_string(samples.sample(i)[k]));
    }
    screen.out << (count > kShownValues ? "  ..." : "");
    for (std::size_t k = 0; k < std::min<std::size_t>(samples.target_width, kShownValues); ++k) {
      screen.out << (k > 0 ? "  " : "  -> ") << fixed(samples.target(i)[k], 4);
    }
    screen.out << (samples.target_width > kShownValues ? "  ...\n" : "\n");
  }
}

void print(const Inspection& inspection, Screen& screen) {
  print_fields(screen, {{"path", inspection.path}, {"format", inspection.format}});
  for (const auto& [name, type] : inspection.arrays) {
    screen.out << "  " << name << ": " << type << '\n';
  }
  for (const InspectedPart& part : inspection.parts) {
    screen.out << '\n';
    print_fields(
        screen,
        {{part.name, Cell(std::to_string(part.count) + (part.has_values ? " samples" : " values"),
                          Style::kBold)},
         {"shape", shape_text(part)},
         {"dtype", part.dtype}});
    if (part.has_labels) {
      print_fields(screen, {{"classes", std::to_string(part.histogram.size())}});
    }
    if (part.samples.has_targets()) {
      print_fields(screen, {{"targets", std::to_string(part.samples.target_width)}});
    }
    if (part.users > 0) print_fields(screen, {{"users", std::to_string(part.users)}});
    if (part.has_labels) print_histogram(part, screen);
    if (!part.has_values) continue;
    screen.out << '\n';
    if (!is_picture(part.samples.shape)) {
      print_values(part.samples, screen);
      continue;
    }
    for (const std::string& line : drawn(part.samples, screen.width, screen.colour)) {
      screen.out << line << '\n';
    }
  }
}

Outcome<ExitCode> run_inspect(Context& context, const InspectFlags& flags) {
  if (flags.options.samples < 1 || flags.options.samples > kMaxSamples) {
    return failure(ExitCode::kUsage, "--samples " + std::to_string(flags.options.samples) +
                                         ": must be from 1 to " + std::to_string(kMaxSamples));
  }
  const auto inspection = inspect(flags.path, flags.options);
  if (!inspection) {
    Failure failed = to_failure(inspection.error());
    if (failed.exit == ExitCode::kUsage) failed.exit = ExitCode::kError;  // of the data
    return tl::unexpected(failed);
  }
  if (!flags.picture.empty()) {
    const auto part = std::ranges::find_if(inspection->parts, [](const InspectedPart& candidate) {
      return candidate.has_values && is_picture(candidate.samples.shape);
    });
    if (part == inspection->parts.end()) {
      return failure(ExitCode::kError, flags.path + ": holds no pictures, only rows of values",
                     "leave out --picture");
    }
    if (auto written = data::write_png(sheet_of(part->samples), flags.picture); !written) {
      return failure(ExitCode::kError, written.error().message);
    }
  }
  if (context.globals.json) {
    context.screen.out << json_of(*inspection).dump(2) << '\n';
  } else {
    print(*inspection, context.screen);
  }
  return ExitCode::kOk;
}

struct PartitionFlags {
  DealOptions options;
  std::string partition = "iid";
  std::string output;
  bool preview = false;  // always given
};

std::string spread_text(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double mean =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  return "min " + fixed(*low, 0) + ", mean " + fixed(mean, 1) + ", max " + fixed(*high, 0);
}

void print(const Deal& dealt, const PartitionFlags& flags, Screen& screen) {
  std::vector<double> samples;
  std::vector<double> classes;
  for (std::size_t node = 0; node < dealt.counts.size(); ++node) {
    samples.push_back(static_cast<double>(dealt.of_node(node)));
    classes.push_back(static_cast<double>(
        std::ranges::count_if(dealt.counts[node], [](std::uint64_t count) { return count > 0; })));
  }
  print_fields(screen, {{"data", flags.options.data},
                        {"partition", flags.partition},
                        {"nodes", std::to_string(dealt.counts.size())},
                        {"samples", fixed(std::accumulate(samples.begin(), samples.end(), 0.0), 0)},
                        {"of a node", spread_text(samples)},
                        {"classes", std::to_string(dealt.classes.size())},
                        {"of a node", spread_text(classes)}});
  screen.out << '\n';
  const int width = std::max(screen.width, 1);
  for (const std::string& line : chart_lines(dealt, width, screen.colour)) {
    screen.out << line << '\n';
  }
  const std::size_t shown = nodes_shown(dealt, width);
  screen.out << "classes over nodes, a dot's size by its samples; the largest: " << dealt.largest();
  if (shown < dealt.counts.size()) {
    screen.out << "; the first " << shown << " of " << dealt.counts.size()
               << " nodes, --output FILE.svg shows all";
  }
  screen.out << '\n';
}

Json json_of(const Deal& dealt, const PartitionFlags& flags) {
  Json nodes = Json::array();
  for (std::size_t node = 0; node < dealt.counts.size(); ++node) {
    nodes.push_back(
        {{"node", node}, {"samples", dealt.of_node(node)}, {"counts", dealt.counts[node]}});
  }
  return {{"data", flags.options.data},
          {"partition", flags.partition},
          {"seed", flags.options.seed},
          {"classes", dealt.classes},
          {"nodes", std::move(nodes)}};
}

Outcome<ExitCode> run_partition(Context& context, const PartitionFlags& given) {
  PartitionFlags flags = given;
  const auto partition = data::parse_partition(flags.partition);
  if (!partition) return failure(ExitCode::kUsage, "--" + partition.error().message);
  flags.options.partition = *partition;
  if (flags.options.nodes < 1 || flags.options.nodes > kMaxNodes) {
    return failure(ExitCode::kUsage, "--nodes " + std::to_string(flags.options.nodes) +
                                         ": must be from 1 to " + std::to_string(kMaxNodes));
  }
  if (!(flags.options.held_out >= 0 && flags.options.held_out < 1)) {
    return failure(ExitCode::kUsage, "--held-out: must be from 0 to below 1");
  }
  const bool is_html = flags.output.ends_with(".html");
  if (!flags.output.empty() && !is_html && !flags.output.ends_with(".svg")) {
    return failure(ExitCode::kUsage, "--output " + flags.output + ": must end in .svg or .html");
  }
  const auto dealt = deal(flags.options);
  if (!dealt) {
    return failure(
        dealt.error().code == ErrorCode::kNotFound ? ExitCode::kNotFound : ExitCode::kError,
        dealt.error().message);
  }
  if (!flags.output.empty()) {
    const std::string title = flags.partition + " over " + std::to_string(flags.options.nodes) +
                              " nodes, seed " + std::to_string(flags.options.seed) + ": " +
                              flags.options.data;
    const auto written =
        write_file(flags.output, is_html ? chart_html(*dealt, title) : chart_svg(*dealt, title));
    if (!written) return failure(ExitCode::kError, written.error().message);
  }
  if (context.globals.json) {
    context.screen.out << json_of(*dealt, flags).dump(2) << '\n';
  } else {
    print(*dealt, flags, context.screen);
  }
  return ExitCode::kOk;
}

void add_inspect(CLI::App& data, Selection& selection) {
  auto* command = data.add_subcommand(
      "inspect", "Shape, type, classes and a few samples of a folder or file of data");
  auto flags = std::make_shared<InspectFlags>();
  command->add_option("PATH", flags->path, "A folder with a data set, or one file of any format")
      ->required();
  command->add_option("--picture", flags->picture, "Write the samples as a PNG file");
  command->add_option("--samples", flags->options.samples, "How many to show, 1 to 256")
      ->capture_default_str();
  command->add_option("--seed", flags->options.seed, "Which those are")->capture_default_str();
  command->add_option("--label-column", flags->options.label_column, "Of CSV files")
      ->capture_default_str();
  command->callback([&selection, flags] {
    selection.action = [flags](Context& context) { return run_inspect(context, *flags); };
  });
}

void add_partition(CLI::App& data, Selection& selection) {
  auto* command = data.add_subcommand(
      "partition",
      "How many samples of each class every node would get; nothing is written but "
      "the picture");
  auto flags = std::make_shared<PartitionFlags>();
  command
      ->add_flag("--preview", flags->preview,
                 "Show what would be dealt: the only thing that this does")
      ->required();
  command->add_option("DATA", flags->options.data, "A folder with a data set")->required();
  command->add_option("--nodes", flags->options.nodes, "1 to 4096")->required();
  command
      ->add_option("--partition", flags->partition, "iid, shards:K, dirichlet:ALPHA, users or all")
      ->capture_default_str();
  command->add_option("--seed", flags->options.seed, "That of run.seed")->capture_default_str();
  command->add_option("--train-limit", flags->options.limit, "As data.train_limit")
      ->capture_default_str();
  command->add_option("--held-out", flags->options.held_out, "As data.held_out")
      ->capture_default_str();
  command->add_option("--label-column", flags->options.label_column, "Of CSV files")
      ->capture_default_str();
  command->add_option("--output", flags->output, "Write the picture as FILE.svg or FILE.html");
  command->callback([&selection, flags] {
    selection.action = [flags](Context& context) { return run_partition(context, *flags); };
  });
}

}  // namespace

void add_data_commands(CLI::App& root, Selection& selection) {
  auto* data = root.add_subcommand("data", "Data sets: what is in them, and how they are dealt");
  add_inspect(*data, selection);
  add_partition(*data, selection);
}

}  // namespace skiptrain::ctl
