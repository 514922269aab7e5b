// `eval` and `model export`: the committed model, measured or as a file.
#include <unistd.h>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "ctl/commands.h"
#include "ctl/files.h"
#include "ctl/node_command.h"

namespace skiptrain::ctl {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct EvalFlags {
  std::uint64_t samples = 0;
  bool per_class = false;
};

// What the task of the run has, and nothing else.
std::vector<std::pair<std::string, Cell>> evaluation_fields(const v1::EvaluateResponse& e) {
  std::vector<std::pair<std::string, Cell>> fields;
  if (e.has_accuracy()) fields.emplace_back("accuracy", percent(e.accuracy()));
  if (e.has_top_k()) {
    fields.emplace_back("top-" + std::to_string(e.top_k().k()) + " accuracy",
                        percent(e.top_k().accuracy()));
  }
  const bool is_regression = e.has_mean_absolute_error();
  fields.emplace_back(is_regression ? "mean squared error" : "loss", fixed(e.loss(), 4));
  if (is_regression) fields.emplace_back("mean absolute error", fixed(e.mean_absolute_error(), 4));
  fields.emplace_back("after rounds", std::to_string(e.round()));
  fields.emplace_back("samples", std::to_string(e.samples()));
  fields.emplace_back("took", seconds_text(e.seconds()));
  return fields;
}

const std::vector<std::string> kPerClassColumns = {">class", ">right", ">of", ">accuracy"};

std::vector<Row> per_class_rows(const v1::EvaluateResponse& e) {
  std::vector<Row> rows;
  for (int i = 0; i < e.per_class_size(); ++i) {
    const auto& tally = e.per_class(i);
    // A class without a sample has no accuracy: 0 / 0 is NaN, which is a dash.
    rows.push_back(
        {Cell(std::to_string(i)), Cell(std::to_string(tally.right())),
         Cell(std::to_string(tally.samples())),
         Cell(percent(static_cast<double>(tally.right()) / static_cast<double>(tally.samples())))});
  }
  if (rows.empty()) rows.push_back({Cell("none: this run learns numbers")});
  return rows;
}

NodeCommand<v1::EvaluateResponse> evaluate_command(const EvalFlags& flags) {
  NodeCommand<v1::EvaluateResponse> command;
  command.ask = [flags](Client& client) { return client.evaluate(flags.samples); };
  command.print = [flags](const v1::EvaluateResponse& e, Screen& screen) {
    print_fields(screen, evaluation_fields(e));
    if (!flags.per_class) return;
    Table table(kPerClassColumns);
    for (Row& row : per_class_rows(e)) table.add(std::move(row));
    screen.out << '\n';
    table.print(screen);
  };
  if (flags.per_class) {
    command.columns = kPerClassColumns;
    command.rows = per_class_rows;
    return command;
  }
  command.columns = {">accuracy", ">loss", ">absolute error", ">after rounds", ">samples", ">took"};
  command.rows = [](const v1::EvaluateResponse& e) {
    return std::vector<Row>{
        {Cell(percent(e.has_accuracy() ? e.accuracy() : kNone)), Cell(fixed(e.loss(), 4)),
         Cell(fixed(e.has_mean_absolute_error() ? e.mean_absolute_error() : kNone, 4)),
         Cell(std::to_string(e.round())), Cell(std::to_string(e.samples())),
         Cell(seconds_text(e.seconds()))}};
  };
  return command;
}

struct ExportFlags {
  std::string format = "safetensors";
  std::string file;
};

std::optional<v1::ModelFormat> parse_format(const std::string& name) {
  if (name == "safetensors") return v1::MODEL_FORMAT_SAFETENSORS;
  if (name == "torchscript") return v1::MODEL_FORMAT_TORCHSCRIPT;
  return std::nullopt;
}

// What an export came to.
struct Exported {
  std::uint64_t round = 0;
  std::uint64_t bytes = 0;
};

// Hands the file's bytes to `sink` and checks that all came.
Outcome<Exported> stream_model(Client& client, v1::ModelFormat format,
                               const std::function<Status(std::string_view)>& sink) {
  Exported done;
  std::uint64_t announced = 0;
  const auto end =
      client.export_model(format, [&](const v1::ExportModelResponse& piece) -> Outcome<void> {
        if (done.bytes == 0) {
          done.round = piece.round();
          announced = piece.total_bytes();
        }
        if (auto written = sink(piece.data()); !written) {
          return tl::unexpected(to_failure(written.error()));
        }
        done.bytes += piece.data().size();
        return {};
      });
  if (!end) return tl::unexpected(end.error());
  if (done.bytes != announced) {
    return failure(ExitCode::kError,
                   "the export broke off after " + std::to_string(done.bytes) + " of " +
                       std::to_string(announced) + " bytes",
                   "try again");
  }
  return done;
}

Outcome<ExitCode> export_to_screen(Context& context, Client& client, v1::ModelFormat format) {
  const auto done = stream_model(client, format, [&](std::string_view data) -> Status {
    context.screen.out.write(data.data(), static_cast<std::streamsize>(data.size()));
    if (!context.screen.out) return fail(ErrorCode::kInternal, "cannot write to standard output");
    return {};
  });
  context.screen.out.flush();
  if (!done) return tl::unexpected(done.error());
  return ExitCode::kOk;
}

Outcome<ExitCode> export_to_file(Context& context, Client& client, v1::ModelFormat format,
                                 const std::string& path) {
  auto file = AtomicFile::create(path);
  if (!file) return tl::unexpected(to_failure(file.error()));
  const auto done =
      stream_model(client, format, [&](std::string_view data) { return file->write(data); });
  if (!done) return tl::unexpected(done.error());
  if (auto committed = file->commit(); !committed) {
    return tl::unexpected(to_failure(committed.error()));
  }
  if (context.globals.json) {
    context.screen.out << Json{{"file", path}, {"round", done->round}, {"bytes", done->bytes}}.dump(
                              2)
                       << '\n';
  } else {
    context.screen.out << path << ": the model after " << done->round << " rounds, "
                       << bytes_text(done->bytes) << '\n';
  }
  return ExitCode::kOk;
}

Outcome<ExitCode> export_model(Context& context, const ExportFlags& flags) {
  if (context.globals.all) {
    return failure(ExitCode::kUsage, "model export writes one node's model; it goes without --all",
                   "name the node with -e");
  }
  const auto format = parse_format(flags.format);
  if (!format) {
    return failure(ExitCode::kUsage, "--format " + flags.format + " is not known",
                   "the formats are safetensors and torchscript");
  }
  auto client = connect(context.globals);
  if (!client) return tl::unexpected(client.error());
  if (flags.file != "-") return export_to_file(context, *client, *format, flags.file);
  if (context.screen.terminal) {
    return failure(ExitCode::kUsage, "a model is not written to a terminal",
                   "redirect standard output, or name a file");
  }
  return export_to_screen(context, *client, *format);
}

}  // namespace

void add_model_commands(CLI::App& root, Selection& selection) {
  auto* eval = root.add_subcommand("eval", "Loss and metrics of the committed model");
  auto asked = std::make_shared<EvalFlags>();
  eval->add_option("--samples", asked->samples, "Of the test set, a seeded subset; 0 for all")
      ->capture_default_str();
  eval->add_flag("--per-class", asked->per_class, "Also how often each class is told");
  eval->callback([&selection, asked] {
    selection.action = [asked](Context& context) { return run(context, evaluate_command(*asked)); };
  });

  auto* model = root.add_subcommand("model", "The committed model");
  auto* to_file = model->add_subcommand("export", "Write the committed model to a file");
  auto flags = std::make_shared<ExportFlags>();
  to_file->add_option("--format", flags->format, "safetensors, or torchscript: the module itself")
      ->capture_default_str();
  to_file->add_option("FILE", flags->file, "Where to; - is standard output")->required();
  to_file->callback([&selection, flags] {
    selection.action = [flags](Context& context) { return export_model(context, *flags); };
  });
}

}  // namespace skiptrain::ctl
