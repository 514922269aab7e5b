#include "ctl/testbed_run.h"

#include <chrono>
#include <string>
#include <utility>

#include "ctl/json.h"
#include "ctl/testbed/cluster.h"
#include "ctl/testbed/monitor.h"
#include "ctl/testbed/process.h"
#include "ctl/watch.h"
#include "ctl/words.h"

namespace skiptrain::ctl {
namespace {

// Where nothing can be redrawn a line is printed this often at most.
constexpr auto kLineInterval = std::chrono::seconds(5);
// A table of more nodes than this does not fit a terminal.
constexpr std::size_t kMaxTableNodes = 20;
constexpr std::size_t kBarWidth = 40;

std::string bar(const std::vector<WatchedNode>& nodes) {
  double done = 0.0;
  for (const WatchedNode& node : nodes) {
    if (!node.status || node.status->total_rounds() == 0) continue;
    done += static_cast<double>(node.status->round()) /
            static_cast<double>(node.status->total_rounds());
  }
  const double part = nodes.empty() ? 0.0 : done / static_cast<double>(nodes.size());
  const auto full = static_cast<std::size_t>(part * kBarWidth);
  return "[" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "]";
}

class Progress {
 public:
  Progress(const Context& context, const ProgressOptions& options)
      : screen_(context.screen),
        block_(context.screen.err, context.screen.width),
        shown_(options.forced || !context.globals.json || context.screen.err_terminal) {}

  void show(const std::vector<WatchedNode>& nodes) {
    if (!shown_) return;
    const auto now = std::chrono::steady_clock::now();
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    const std::string line = watch_line(nodes) + "  " + seconds_text(elapsed);
    if (screen_.err_terminal) {
      std::vector<std::string> lines;
      if (nodes.size() <= kMaxTableNodes) lines = watch_table(nodes).lines(false);
      lines.push_back(bar(nodes) + " " + line);
      block_.draw(lines);
    } else if (now - last_line_ >= kLineInterval) {
      screen_.err << line << std::endl;
      last_line_ = now;
    }
  }

  void clear() {
    if (shown_ && screen_.err_terminal) block_.draw({});
  }

 private:
  Screen& screen_;
  LiveBlock block_;
  bool shown_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_line_ = start_ - kLineInterval;
};

Failure with_logs(Failure failure, const Cluster& cluster) {
  const std::size_t count = cluster.state().nodes.size();
  if (InterruptGuard::is_interrupted()) {
    failure.message = "interrupted; all " + std::to_string(count) + " daemons were ended";
  }
  const std::string where = "logs and configurations are in " + cluster.state().dir;
  failure.hint = failure.hint.empty() ? where : failure.hint + "; " + where;
  return failure;
}

}  // namespace

Outcome<ExitCode> run_testbed(Context& context, const TestbedOptions& options,
                              const ProgressOptions& progress_options) {
  const InterruptGuard guard;
  auto cluster = Cluster::start(options, options.keep);
  if (!cluster) return tl::unexpected(cluster.error());
  Progress progress(context, progress_options);
  Monitor monitor(*cluster);
  const auto finished = monitor.wait_until_finished(
      {.timeout = context.globals.timeout,
       .on_look = [&](const std::vector<WatchedNode>& nodes) { progress.show(nodes); }});
  if (!finished) {
    if (auto ended = cluster->end(true); !ended) return tl::unexpected(ended.error());
    return tl::unexpected(with_logs(finished.error(), *cluster));
  }
  auto summary = monitor.collect();
  if (!summary) {
    if (auto ended = cluster->end(true); !ended) return tl::unexpected(ended.error());
    return tl::unexpected(with_logs(summary.error(), *cluster));
  }
  progress.clear();
  summary->rounds = options.rounds;
  summary->schedule = options.schedule;
  summary->topology = options.topology;
  summary->model = options.model;
  summary->seed = options.seed;
  if (options.keep) {
    cluster->leave_running();
  } else if (auto ended = cluster->end(false); !ended) {
    return tl::unexpected(ended.error());
  }
  if (context.globals.json) {
    context.screen.out << to_json(*summary).dump(2) << '\n';
  } else {
    print_summary(*summary, context.screen);
    if (options.keep) {
      context.screen.out << "\nThe daemons run on. End them with: skipctl testbed down --dir "
                         << cluster->state().dir << '\n';
    }
  }
  return ExitCode::kOk;
}

}  // namespace skiptrain::ctl
