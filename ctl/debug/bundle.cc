// `debug bundle`: everything that helps somebody else to look for a fault in a fleet, in one tar.
//
// Secrets stay where they are: a node does not tell what its config's secret keys say, keys of the
// cluster have no RPC that gives them away, and nothing is read from the nodes' disks.
#include <chrono>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/version.h"
#include "ctl/commands.h"
#include "ctl/debug/tar_file.h"
#include "ctl/fleet.h"
#include "ctl/json.h"
#include "ctl/words.h"

namespace skiptrain::ctl {
namespace {

constexpr const char* kRemoved = "removed: it is secret, or leads to secrets";

// One thing that a node is asked for: its file's name and contents.
struct Question {
  const char* file;
  std::function<Outcome<std::string>(Client&)> ask;
  // Nodes that are listed in a config have no members: no answer is no fault then.
  bool may_be_refused = false;
};

std::string text_of(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

template <typename Answer>
Question message(const char* file, Outcome<Answer> (Client::*call)(), bool may_be_refused = false) {
  return {file,
          [call](Client& client) -> Outcome<std::string> {
            const auto answer = (client.*call)();
            if (!answer) return tl::unexpected(answer.error());
            return text_of(to_json(*answer));
          },
          may_be_refused};
}

// A line a key, values as in the config; those at their default are there too, marked as such.
Outcome<std::string> config_text(Client& client) {
  const auto config = client.config();
  if (!config) return tl::unexpected(config.error());
  std::string text = "# All settings in force, from " + config->file() + "\n";
  for (const auto& setting : config->settings()) {
    if (setting.removed()) {
      text += "# " + setting.key() + ": " + kRemoved + "\n";
    } else if (setting.has_value()) {
      text += setting.key() + " = " + setting.value() +
              (setting.is_default() ? "  # default" : "") + "\n";
    } else {
      text += "# " + setting.key() + " is not set\n";
    }
  }
  return text;
}

Outcome<std::string> metrics_text(Client& client) {
  const auto metrics = client.metrics();
  if (!metrics) return tl::unexpected(metrics.error());
  return metrics->page();
}

Outcome<std::string> log_text(Client& client) {
  const auto lines = client.log_lines(0);
  if (!lines) return tl::unexpected(lines.error());
  std::string text;
  for (const std::string& line : *lines) text += line + "\n";
  return text;
}

// A JSON object a line: histories are long.
Outcome<std::string> rounds_text(Client& client) {
  std::string text;
  const auto end = client.rounds({}, [&](const v1::RoundRecord& record) {
    text += to_json(record).dump() + "\n";
    return true;
  });
  if (!end) return tl::unexpected(end.error());
  return text;
}

std::vector<Question> questions() {
  constexpr bool kMayBeRefused = true;
  // First what a node tells whose main loop hangs.
  return {message("version.json", &Client::version),
          {"config.txt", config_text},
          {"log.txt", log_text},
          message("status.json", &Client::status),
          message("peers.json", &Client::peers, kMayBeRefused),
          message("members.json", &Client::members, kMayBeRefused),
          message("topology.json", &Client::topology),
          message("schedule.json", &Client::schedule, kMayBeRefused),
          message("directives.json", &Client::directives, kMayBeRefused),
          message("energy.json", &Client::energy),
          {"rounds.jsonl", rounds_text},
          {"metrics.txt", metrics_text}};
}

// "3-node-3". A name comes from the network: nothing in it may lead out of the bundle.
std::string folder_of(const FleetNode& node) {
  std::string folder = std::to_string(node.id);
  if (!node.name.empty()) folder += "-" + node.name;
  for (char& c : folder) {
    const bool harmless = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    if (!harmless && c != '.') c = '_';
  }
  return folder;
}

std::string utc_time(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  std::strftime(text, sizeof text, format, &parts);
  return text;
}

// What there is of one node, for the manifest.
struct Collected {
  Json files = Json::object();    // name: bytes
  Json missing = Json::object();  // name: why
  // Why it was asked no further; it did not answer at all if there are no files.
  std::optional<Failure> given_up;
};

// Each takes as long as a client waits; a node whose main loop hangs would take it for every
// question that is left.
constexpr int kMostTimeouts = 2;

// Fills the archive as answers come in, so that no more than a few nodes' are in memory.
class Bundle {
 public:
  Bundle(TarFile tar, std::string root) : tar_(std::move(tar)), root_(std::move(root)) {}

  Collected collect(const FleetNode& node, const Globals& globals) {
    Collected collected;
    auto client = connect(node, globals);
    if (!client) {
      collected.given_up = client.error();
      return collected;
    }
    int timeouts = 0;
    const std::string folder = folder_of(node);
    for (const Question& question : questions()) {
      const auto contents = question.ask(*client);
      if (contents) {
        add(folder + "/" + question.file, *contents);
        collected.files[question.file] = contents->size();
        continue;
      }
      const Failure& error = contents.error();
      timeouts += error.exit == ExitCode::kTimeout ? 1 : 0;
      if (error.exit == ExitCode::kUnreachable || error.exit == ExitCode::kNotAuthorized ||
          timeouts == kMostTimeouts) {
        collected.given_up = error;
        break;
      }
      if (question.may_be_refused && error.exit == ExitCode::kPrecondition) continue;
      collected.missing[question.file] = error.message;
    }
    return collected;
  }

  void add(const std::string& name, const std::string& contents) {
    const std::scoped_lock lock(mutex_);
    if (!state_) return;
    state_ = tar_.add(root_ + "/" + name, contents);
  }

  Status finish() { return state_ ? tar_.commit() : state_; }

 private:
  std::mutex mutex_;
  TarFile tar_;
  const std::string root_;
  Status state_;
};

Json manifest(const std::vector<FleetNode>& fleet, const std::vector<Collected>& collected,
              const Globals& globals) {
  Json nodes = Json::array();
  Json silent = Json::array();
  for (std::size_t i = 0; i < fleet.size(); ++i) {
    const Collected& one = collected[i];
    Json entry = {{"node_id", fleet[i].id},          {"node_name", fleet[i].name},
                  {"endpoint", fleet[i].control},    {"folder", folder_of(fleet[i])},
                  {"ok", !one.given_up.has_value()}, {"files", one.files},
                  {"missing", one.missing}};
    if (one.given_up) {
      entry["error"] = to_json(*one.given_up);
      if (one.files.empty()) silent.push_back(node_text(fleet[i].id, fleet[i].name));
    }
    nodes.push_back(std::move(entry));
  }
  return {{"made_at", utc_time("%Y-%m-%dT%H:%M:%SZ")},
          {"skipctl", kVersion},
          {"asked", globals.endpoint},
          {"no_answer", std::move(silent)},
          {"nodes", std::move(nodes)}};
}

Outcome<ExitCode> bundle(Context& context, const std::string& wanted_file) {
  const auto fleet = discover(context.globals);
  if (!fleet) return tl::unexpected(fleet.error());
  const std::string root = "skiptrain-debug-" + utc_time("%Y%m%dT%H%M%SZ");
  const std::string file = wanted_file.empty() ? root + ".tar" : wanted_file;
  auto tar = TarFile::create(file);
  if (!tar) return tl::unexpected(to_failure(tar.error()));
  Bundle bundle(*std::move(tar), root);
  std::vector<Collected> collected(fleet->size());
  for_each_concurrently(fleet->size(), [&](std::size_t i) {
    collected[i] = bundle.collect((*fleet)[i], context.globals);
  });
  const Json list = manifest(*fleet, collected, context.globals);
  bundle.add("manifest.json", text_of(list));
  if (const auto finished = bundle.finish(); !finished) {
    return tl::unexpected(to_failure(finished.error()));
  }
  std::size_t whole = 0;
  for (std::size_t i = 0; i < fleet->size(); ++i) {
    const Collected& one = collected[i];
    whole += one.given_up ? 0 : 1;
    if (!one.given_up || context.globals.json) continue;
    context.screen.err << (one.files.empty() ? "no answer from " : "only a part from ")
                       << node_text((*fleet)[i].id, (*fleet)[i].name) << ": "
                       << one.given_up->message << '\n';
  }
  if (context.globals.json) {
    Json answer = {{"file", file}};
    answer.update(list);
    context.screen.out << answer.dump(2) << '\n';
  } else {
    context.screen.out << file << ": " << whole << " of " << fleet->size() << " nodes\n";
  }
  return whole == fleet->size() ? ExitCode::kOk : ExitCode::kDegraded;
}

}  // namespace

void add_debug_command(CLI::App& root, Selection& selection) {
  auto* debug = root.add_subcommand("debug", "What helps somebody else to look for a fault");
  auto* command = debug->add_subcommand(
      "bundle", "Configs without secrets, logs, histories, versions of all nodes in one tar");
  auto file = std::make_shared<std::string>();
  command->add_option("-o,--output", *file,
                      "The file to write (mode 0600); default: skiptrain-debug-TIME.tar");
  command->callback([&selection, file] {
    selection.action = [file](Context& context) { return bundle(context, *file); };
  });
}

}  // namespace skiptrain::ctl
