#include "sim/event_log.h"

#include <bit>
#include <cstdio>
#include <cstring>
#include <type_traits>

namespace skiptrain::sim {
namespace {

std::string hex(std::uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

std::string hash_of(const ParametersPtr& parameters) {
  return hex(hash_parameters(parameters->values()));
}

std::string place(const core::NodeState& state) {
  return std::string(core::to_string(state.activity)) + " at " + to_string(state.round);
}

std::string words(const core::EdgeMessage& message) {
  return "edge " + to_string(message.claim) + ", heard " + to_string(message.heard);
}

std::string words(const std::vector<core::Directive>& directives) {
  std::string text = "directives";
  for (const core::Directive& directive : directives) text += " " + to_string(directive) + ";";
  return text;
}

struct EventWords {
  std::string operator()(const core::ModelReady& e) const {
    return "model of round " + to_string(e.round) + " " + hash_of(e.parameters);
  }
  std::string operator()(const core::NodeFailed& e) const { return "failed: " + e.reason; }
  std::string operator()(const core::PeerConnected& e) const {
    return "connected to " + to_string(e.peer) + ", " + place(e.state);
  }
  std::string operator()(const core::PeerDisconnected& e) const {
    return "disconnected from " + to_string(e.peer);
  }
  std::string operator()(const core::PeerStateChanged& e) const {
    return "node " + to_string(e.peer) + " is " + place(e.state);
  }
  std::string operator()(const core::NeighboursWanted& e) const {
    std::string text = e.ready ? "wants" : "not ready, wants";
    for (const NodeId node : e.neighbours) text += " " + to_string(node);
    return text;
  }
  std::string operator()(const core::MemberGone& e) const {
    return "member " + to_string(e.member) + " is gone";
  }
  std::string operator()(const core::UpdateReceived& e) const {
    return "update of round " + to_string(e.update.round) + " from " + to_string(e.from);
  }
  std::string operator()(const core::StateRequested& e) const {
    return "state requested by " + to_string(e.from);
  }
  std::string operator()(const core::StateFetched& e) const {
    return "state x(" + to_string(e.state.round) + ") of " + to_string(e.from) + " " +
           hash_of(e.state.parameters);
  }
  std::string operator()(const core::StateFetchFailed& e) const {
    return "no state from " + to_string(e.from) + ": " + e.reason;
  }
  std::string operator()(const core::TrainingFinished& e) const {
    return "trained " + to_string(e.round) + " " + hash_of(e.parameters) + " loss " +
           number(e.mean_loss);
  }
  std::string operator()(const core::EdgeReceived& e) const {
    return "node " + to_string(e.message.peer) + ": " + words(e.message);
  }
  std::string operator()(const core::DirectivesReceived& e) const {
    return words(e.directives) + " from " + to_string(e.from);
  }
  std::string operator()(const core::TrainingFailed& e) const {
    return "training of " + to_string(e.round) + " failed: " + e.reason;
  }
  std::string operator()(const core::MixFinished& e) const {
    return "mixed " + to_string(e.round) + " distance " + number(e.distance);
  }
  std::string operator()(const core::Tick&) const { return "tick"; }
  std::string operator()(const core::PauseRequested&) const { return "pause"; }
  std::string operator()(const core::ResumeRequested&) const { return "resume"; }
  std::string operator()(const core::StopRequested&) const { return "stop"; }
  std::string operator()(const core::DirectiveIssued& e) const {
    return "directive from round " + to_string(e.effective);
  }
  std::string operator()(const core::BudgetRequested&) const { return "budget"; }
  std::string operator()(const core::LeaveRequested&) const { return "leave"; }
};

struct EffectWords {
  std::string operator()(const core::RecordEnergyIntent& e) const {
    return "charge " + number(e.cost.value()) + " Wh for " + to_string(e.round);
  }
  std::string operator()(const core::Train& e) const { return "train " + to_string(e.round); }
  std::string operator()(const core::Send& e) const {
    std::string text = "send update of round " + to_string(e.update.round) + " to";
    for (const NodeId node : e.to) text += " " + to_string(node);
    return text;
  }
  std::string operator()(const core::SendEdge& e) const {
    return "tell " + to_string(e.message.peer) + ": " + words(e.message);
  }
  std::string operator()(const core::RecordDirectives& e) const {
    return "record " + words(e.news);
  }
  std::string operator()(const core::SendDirectives& e) const {
    std::string text = "send " + words(e.directives) + " to";
    for (const NodeId node : e.to) text += " " + to_string(node);
    return text;
  }
  std::string operator()(const core::LinkTo& e) const {
    std::string text = "link to";
    for (const NodeId node : e.peers) text += " " + to_string(node);
    return text;
  }
  std::string operator()(const core::Mix& e) const {
    std::string text = "mix " + to_string(e.round) + " of";
    for (const core::MixInput& input : e.inputs) {
      text += " " + to_string(input.from) + ":" + number(input.weight);
    }
    return text;
  }
  std::string operator()(const core::FetchState& e) const {
    return "fetch the state of " + to_string(e.from) + ", round " + to_string(e.at_least) +
           " or later";
  }
  std::string operator()(const core::SendState& e) const {
    return "send state x(" + to_string(e.state.round) + ") to " + to_string(e.to);
  }
  std::string operator()(const core::RefuseState&) const { return "refuse the state"; }
  std::string operator()(const core::Announce& e) const {
    return "announce " + place(e.state) + (e.to_neighbours ? " to neighbours" : "");
  }
  std::string operator()(const core::Commit& e) const {
    const core::RoundRecord& r = e.record;
    std::string text = "commit x(" + to_string(e.state.round) + ") " + hash_of(e.state.parameters);
    text += r.caught_up ? " caught up" : " mixed " + std::to_string(r.neighbours_mixed);
    if (r.trained) text += " trained";
    for (const NodeId node : r.missing) text += " missing " + to_string(node);
    return text;
  }
  std::string operator()(const core::Evaluate& e) const {
    return "evaluate after " + to_string(e.after) + (e.final ? ", final" : "");
  }
  std::string operator()(const core::RunEnded& e) const {
    return e.stopped ? "stopped" : "run ended";
  }
  std::string operator()(const core::Warn& e) const { return "warn: " + e.message; }
};

}  // namespace

std::uint64_t hash_parameters(std::span<const float> values) {
  // FNV-1a, a float at a time: a change of any bit changes the hash.
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const float value : values) {
    hash = (hash ^ std::bit_cast<std::uint32_t>(value)) * 0x100000001b3u;
  }
  return hash;
}

void EventLog::line(Instant when, const std::string& text) {
  const auto ns = when.time_since_epoch().count();
  char time[40];
  std::snprintf(time, sizeof time, "%lld.%09lld ", static_cast<long long>(ns / 1'000'000'000),
                static_cast<long long>(ns % 1'000'000'000));
  out_ << time << text << '\n';
  ++lines_;
}

void EventLog::node_stepped(Position position, const core::Node&, const core::Event& event,
                            const core::Effects& effects, Instant now, Instant) {
  const std::string node = "node " + std::to_string(position);
  line(now, node + " < " + std::visit(EventWords(), event));
  for (const core::Effect& effect : effects) {
    line(now, node + " > " + std::visit(EffectWords(), effect));
  }
}

void EventLog::node_evaluated(Position position, Instant asked, const core::Evaluate& evaluate,
                              const Result<ports::Evaluation>& result) {
  line(asked, "node " + std::to_string(position) + " evaluated x(" + to_string(evaluate.after) +
                  ") " + hash_of(evaluate.parameters) +
                  (result ? " loss " + number(result->loss) +
                                (result->accuracy ? " accuracy " + number(*result->accuracy) : "")
                          : " failed: " + result.error().message));
}

void EventLog::fault_struck(Instant now, const FaultKind& fault) {
  line(now, to_string(fault));
}

void EventLog::node_started(Position position, Instant now, Incarnation incarnation) {
  line(now, "node " + std::to_string(position) + " starts, incarnation " +
                std::to_string(incarnation.value()));
}

}  // namespace skiptrain::sim
