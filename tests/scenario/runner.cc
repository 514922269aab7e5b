#include "tests/scenario/runner.h"

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "model/mixing.h"
#include "tests/scenario/render.h"

namespace skiptrain::scenario {
namespace {

// A scenario is written by us: a malformed one is reported by throwing, and caught in run().
struct BadCommand {
  std::string what;
};

double parse_number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') throw BadCommand{"\"" + text + "\" is not a number"};
  return value;
}

Duration parse_time(const std::string& text) {
  const bool in_ms = text.ends_with("ms");
  if (!text.ends_with("s")) throw BadCommand{"\"" + text + "\" is not a time; write 12ms or 3s"};
  const double value = parse_number(text.substr(0, text.size() - (in_ms ? 2 : 1)));
  // Rounded: 1005 ms must not become 1004999999 ns.
  return Duration(std::llround(value * (in_ms ? 1e6 : 1e9)));
}

// The words of one command: positional ones by index, key=value ones by name.
class Arguments {
 public:
  Arguments(const std::vector<std::string>& words, std::size_t first) {
    for (std::size_t i = first; i < words.size(); ++i) {
      const std::size_t equals = words[i].find('=');
      if (equals == std::string::npos) {
        plain_.push_back(words[i]);
      } else {
        named_[words[i].substr(0, equals)] = words[i].substr(equals + 1);
      }
    }
  }

  const std::string& plain(std::size_t index) const {
    if (index >= plain_.size()) throw BadCommand{"a word is missing"};
    return plain_[index];
  }
  std::string text_from(std::size_t index) const {
    std::string text;
    for (; index < plain_.size(); ++index) text += (text.empty() ? "" : " ") + plain_[index];
    return text;
  }
  NodeId node(std::size_t index) const {
    return NodeId(static_cast<std::uint64_t>(parse_number(plain(index))));
  }
  std::optional<std::string> find(const std::string& key) const {
    const auto found = named_.find(key);
    return found == named_.end() ? std::nullopt : std::optional(found->second);
  }
  double number(const std::string& key, std::optional<double> otherwise = std::nullopt) const {
    const auto text = find(key);
    if (!text && !otherwise) throw BadCommand{key + "= is missing"};
    return text ? parse_number(*text) : *otherwise;
  }
  std::uint64_t count(const std::string& key, std::optional<double> otherwise) const {
    return static_cast<std::uint64_t>(number(key, otherwise));
  }
  // Separated by commas.
  std::vector<NodeId> nodes(const std::string& key) const {
    std::vector<NodeId> result;
    std::istringstream list(find(key).value_or(""));
    for (std::string id; std::getline(list, id, ',');) {
      result.push_back(NodeId(static_cast<std::uint64_t>(parse_number(id))));
    }
    return result;
  }
  // KEY=ROUND; without it the edge is not wanted.
  core::EdgeClaim claim(const std::string& key) const {
    return find(key) ? core::EdgeClaim{true, Round(count(key, std::nullopt))} : core::EdgeClaim{};
  }
  Round round(std::optional<double> otherwise = std::nullopt) const {
    return Round(count("round", otherwise));
  }
  ParametersPtr x() const {
    const float values[] = {static_cast<float>(number("x"))};
    return copy_parameters(values);
  }
  std::optional<core::Schedule> schedule() const {
    const auto name = find("policy");
    if (!name) return std::nullopt;
    const auto policy = core::parse_policy(*name);
    if (!policy) throw BadCommand{policy.error().message};
    return core::Schedule{*policy, static_cast<std::uint32_t>(count("train", 1)),
                          static_cast<std::uint32_t>(count("sync", 0))};
  }
  core::NodeState state() const {
    using core::Activity;
    const std::string name = find("activity").value_or("running");
    for (const Activity activity :
         {Activity::kRunning, Activity::kPaused, Activity::kFinished, Activity::kLeaving}) {
      if (name == core::to_string(activity)) return {round(0), activity};
    }
    throw BadCommand{"\"" + name + "\" is no activity"};
  }

 private:
  std::vector<std::string> plain_;
  std::map<std::string, std::string> named_;
};

core::RunOrder run_order(const std::string& name) {
  using core::RunOrder;
  for (const RunOrder order : {RunOrder::kRun, RunOrder::kPause, RunOrder::kStop}) {
    if (name == core::to_string(order)) return order;
  }
  throw BadCommand{"\"" + name + "\" is none of run, pause and stop"};
}

std::optional<core::Event> parse_neighbour_event(const std::string& what, const Arguments& a) {
  if (what == "connected") return core::PeerConnected{a.node(0), Incarnation(1), a.state()};
  if (what == "disconnected") return core::PeerDisconnected{a.node(0)};
  if (what == "peer") return core::PeerStateChanged{a.node(0), a.state()};
  if (what == "update") {
    const ModelUpdate update{a.round(), static_cast<std::uint32_t>(a.count("degree", 2)), a.x()};
    return core::UpdateReceived{a.node(0), update};
  }
  if (what == "asked-for-state") {
    return core::StateRequested{a.node(0), a.count("request", std::nullopt)};
  }
  if (what == "wanted") {
    return core::NeighboursWanted{a.nodes("neighbours"), a.count("ready", 1) != 0};
  }
  if (what == "gone") return core::MemberGone{a.node(0)};
  if (what == "edge") {
    return core::EdgeReceived{{a.node(0), a.claim("wanted"), a.claim("heard")}};
  }
  if (what == "directive") {
    const core::DirectiveOrder order =
        a.schedule() ? core::DirectiveOrder(*a.schedule()) : run_order(a.plain(1));
    return core::DirectivesReceived{
        a.node(0),
        {{{a.count("lamport", 1), NodeId(a.count("origin", std::nullopt))},
          Round(a.count("from", std::nullopt)),
          order}}};
  }
  if (what == "fetched") {
    const ModelUpdate state{a.round(), 2, a.x()};
    return core::StateFetched{a.node(0), state};
  }
  if (what == "fetch-failed") return core::StateFetchFailed{a.node(0), a.text_from(1)};
  return std::nullopt;
}

// `training`: the round of the last Train, which a result belongs to.
std::optional<core::Event> parse_own_event(const std::string& what, const Arguments& a,
                                           Round training) {
  if (what == "ready") return core::ModelReady{a.round(0), a.x()};
  if (what == "failed") return core::NodeFailed{a.text_from(0)};
  if (what == "tick") return core::Tick{};
  if (what == "trained") {
    std::optional<WattHours> measured;
    if (a.find("measured")) measured = WattHours(a.number("measured"));
    return core::TrainingFinished{training, a.x(), a.number("loss", 0.5), {}, measured};
  }
  if (what == "training-failed") return core::TrainingFailed{training, a.text_from(0)};
  return std::nullopt;
}

std::optional<core::Event> parse_operator_event(const std::string& what, const Arguments& a) {
  if (what == "pause") return core::PauseRequested{};
  if (what == "resume") return core::ResumeRequested{};
  if (what == "stop") return core::StopRequested{};
  if (what == "leave") return core::LeaveRequested{};
  if (what == "schedule") {
    const auto schedule = a.schedule();
    if (!schedule) throw BadCommand{"policy= is missing"};
    return core::DirectiveIssued{*schedule, Round(a.count("from", std::nullopt))};
  }
  if (what == "run") {
    return core::DirectiveIssued{run_order(a.plain(0)), Round(a.count("from", std::nullopt))};
  }
  if (what == "lr") {
    return core::DirectiveIssued{core::LearningRate{parse_number(a.plain(0))},
                                 Round(a.count("from", std::nullopt))};
  }
  if (what == "budget") {
    if (a.plain(0) == "none") return core::BudgetRequested{std::nullopt};
    return core::BudgetRequested{WattHours(parse_number(a.plain(0)))};
  }
  return std::nullopt;
}

}  // namespace

Result<std::string> Runner::run(const Block& block) {
  std::string output;
  for (const Command& command : block.commands) {
    if (auto status = run_command(command, output); !status) return tl::unexpected(status.error());
  }
  return output + render_status(*node_, now_) + "\n";
}

Status Runner::run_command(const Command& command, std::string& output) {
  try {
    const std::string& what = command.words.front();
    if (what == "node") {
      make_node(command);
    } else if (!node_) {
      throw BadCommand{"the first command must be \"node\""};
    } else if (what == "play") {
      const Arguments arguments(command.words, 1);
      play_rounds(static_cast<std::uint64_t>(parse_number(arguments.plain(0))), output);
    } else {
      step(command, output);
    }
    return {};
  } catch (const BadCommand& bad) {
    return fail(ErrorCode::kInvalidArgument,
                "line " + std::to_string(command.line) + ": " + command.text + ": " + bad.what);
  }
}

void Runner::make_node(const Command& command) {
  const Arguments arguments(command.words, 1);
  core::NodeOptions options;
  options.id = arguments.node(0);
  options.neighbours = arguments.nodes("neighbours");
  options.nodes_come_and_go = arguments.count("come_and_go", 0) != 0;
  if (arguments.find("epidemic")) {
    options.epidemic = core::EpidemicOptions{
        static_cast<std::uint32_t>(arguments.count("epidemic", std::nullopt)), options.run_seed};
  }
  options.total_rounds = arguments.count("rounds", std::nullopt);
  options.run_seed = arguments.count("seed", 1);
  options.schedule = arguments.schedule().value_or(core::Schedule{});
  options.energy_per_train_round = WattHours(arguments.number("cost", 1));
  if (arguments.find("budget")) options.budget = WattHours(arguments.number("budget"));
  const std::string deadline = arguments.find("deadline").value_or("10s");
  if (deadline != "auto") options.fixed_deadline = parse_time(deadline);
  const auto mode = core::parse_round_mode(arguments.find("mode").value_or("deadline"));
  if (!mode) throw BadCommand{mode.error().message};
  options.rules.mode = *mode;
  options.rules.quorum = arguments.number("quorum", 1);
  options.rules.max_staleness = arguments.count("max_staleness", 8);
  if (const auto valid = options.rules.validate(); !valid) throw BadCommand{valid.error().message};
  options.start_timeout = parse_time(arguments.find("start_timeout").value_or("60s"));
  options.evaluate_every = arguments.count("evaluate_every", 0);
  node_ = std::make_unique<core::Node>(std::move(options));
  now_ = Instant();
}

void Runner::step(const Command& command, std::string& output) {
  const Instant when(parse_time(command.words.front()));
  if (when < now_) throw BadCommand{"it is " + render(now_) + " already"};
  now_ = when;
  const core::Event event = parse_event(command);
  if (const auto* request = std::get_if<core::DirectiveIssued>(&event)) {
    if (const auto allowed = node_->check_directive(*request); !allowed) {
      output += "refused: " + allowed.error().message + "\n";
      return;
    }
  }
  feed(event, &output);
}

core::Event Runner::parse_event(const Command& command) const {
  if (command.words.size() < 2) throw BadCommand{"what happens at that time?"};
  const std::string& what = command.words[1];
  const Arguments arguments(command.words, 2);
  if (what == "mixed") return finish_mix();
  std::optional<core::Event> event = parse_neighbour_event(what, arguments);
  if (!event) event = parse_own_event(what, arguments, training_);
  if (!event) event = parse_operator_event(what, arguments);
  if (!event) throw BadCommand{"no such command; see runner.h"};
  return *std::move(event);
}

core::MixFinished Runner::finish_mix() const {
  if (!mix_) throw BadCommand{"no mix was asked for"};
  std::vector<WeightedInput> inputs;
  ParametersPtr own;
  for (const core::MixInput& input : mix_->inputs) {
    inputs.push_back({input.weight, input.parameters->values()});
    if (input.from == mix_->self) own = input.parameters;
  }
  const auto out = std::make_shared<Parameters>(own->size());
  mix(inputs, out->values());
  return {mix_->round, out, l2_distance(own->values(), out->values()), {}};
}

void Runner::feed(const core::Event& event, std::string* output) {
  for (const core::Effect& effect : node_->step(event, now_)) {
    if (const auto* train = std::get_if<core::Train>(&effect)) training_ = train->round;
    if (const auto* mix = std::get_if<core::Mix>(&effect)) mix_ = *mix;
    if (const auto* commit = std::get_if<core::Commit>(&effect)) last_record_ = commit->record;
    if (output != nullptr) *output += render(effect) + "\n";
  }
}

void Runner::play_rounds(std::uint64_t count, std::string& output) {
  const float values[] = {0.0f};
  const ParametersPtr x = copy_parameters(values);
  for (std::uint64_t k = 0; k < count; ++k) {
    const Round round = node_->round();
    if (node_->phase() == core::Phase::kTraining) {
      feed(core::TrainingFinished{round, x, 0.5, {}, std::nullopt}, nullptr);
    }
    for (const NodeId peer : node_->options().neighbours) {
      feed(core::UpdateReceived{peer, {round, 2, x}}, nullptr);
    }
    if (!mix_ || mix_->round != round)
      throw BadCommand{"round " + to_string(round) + " did not mix"};
    // Before the mix is handed back: the next round, which begins with it, may charge its own.
    const core::EnergyBudget energy = node_->energy();
    feed(finish_mix(), nullptr);
    const core::RoundRecord& record = *last_record_;
    output += "round " + to_string(round) + ": " + (record.train_slot ? "train" : "sync") +
              " slot, " + (record.trained ? "trained" : "not trained");
    if (energy.budget()) output += ", " + render(*energy.budget() - energy.spent()) + " left";
    output += "\n";
  }
}

}  // namespace skiptrain::scenario
