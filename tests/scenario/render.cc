#include "tests/scenario/render.h"

#include <cmath>
#include <cstdio>
#include <vector>

namespace skiptrain::scenario {
namespace {

using core::Effect;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string x_of(const ParametersPtr& parameters) {
  return "x=" + number(parameters->values()[0]);
}

std::string ids(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId node : nodes) text += (text.empty() ? "" : " ") + to_string(node);
  return text;
}

std::string time_of(Duration duration) {
  const double ms = to_milliseconds(duration);
  return ms < 1000 ? number(ms) + "ms" : number(ms / 1000) + "s";
}

struct Words {
  std::string operator()(const core::RecordEnergyIntent& e) const {
    return "charge " + render(e.cost) + " for round " + to_string(e.round);
  }
  std::string operator()(const core::Train& e) const {
    return "train round " + to_string(e.round) + " from " + x_of(e.start);
  }
  std::string operator()(const core::Send& e) const {
    return "send update of round " + to_string(e.update.round) + ", " + x_of(e.update.parameters) +
           ", to " + ids(e.to);
  }
  std::string operator()(const core::SendEdge& e) const {
    return "tell node " + to_string(e.message.peer) + ": edge " + to_string(e.message.claim) +
           ", heard " + to_string(e.message.heard);
  }
  std::string operator()(const core::RecordDirectives& e) const {
    std::string text = "record directives:";
    for (const core::Directive& directive : e.news) text += " " + to_string(directive) + ";";
    return text;
  }
  std::string operator()(const core::SendDirectives& e) const {
    std::string text = "send directives to " + ids(e.to) + ":";
    for (const core::Directive& directive : e.directives) text += " " + to_string(directive) + ";";
    return text;
  }
  std::string operator()(const core::LinkTo& e) const { return "link to " + ids(e.peers); }
  std::string operator()(const core::Mix& e) const {
    std::string text = "mix in round " + to_string(e.round) + ":";
    for (const core::MixInput& input : e.inputs) {
      text += (&input == &e.inputs.front() ? " " : " + ") + number(input.weight) + " * " +
              (input.from == e.self ? "own" : "node " + to_string(input.from)) + " (" +
              x_of(input.parameters) + ")";
    }
    return text;
  }
  std::string operator()(const core::FetchState& e) const {
    return "fetch the state of node " + to_string(e.from) + ", round " + to_string(e.at_least) +
           " or later";
  }
  std::string operator()(const core::SendState& e) const {
    return "send state of round " + to_string(e.state.round) + ", " + x_of(e.state.parameters) +
           ", to " + to_string(e.to) + " (request " + std::to_string(e.request) + ")";
  }
  std::string operator()(const core::RefuseState& e) const {
    return "refuse request " + std::to_string(e.request) + " for the state";
  }
  std::string operator()(const core::Announce& e) const {
    return std::string("announce ") + core::to_string(e.state.activity) + " at round " +
           to_string(e.state.round) +
           (e.to_neighbours ? ", also on open streams" : ", in new hellos");
  }
  std::string operator()(const core::Commit& e) const {
    const core::RoundRecord& r = e.record;
    std::string text = "commit x(" + to_string(e.state.round) +
                       ")=" + number(e.state.parameters->values()[0]) + ":";
    text += r.caught_up ? " caught up" : r.train_slot ? " train slot" : " sync slot";
    if (r.trained) text += ", trained, loss " + number(r.loss);
    if (r.energy.value() > 0) text += ", " + render(r.energy);
    if (!r.caught_up) {
      text += ", mixed " + std::to_string(r.neighbours_mixed) + ", waited " + time_of(r.wait_time);
    }
    if (r.deadline_hit) text += ", deadline hit";
    if (!r.missing.empty()) text += ", missing " + ids(r.missing);
    return text;
  }
  std::string operator()(const core::Evaluate& e) const {
    return "evaluate " + x_of(e.parameters) + " after " + to_string(e.after) + " rounds" +
           (e.final ? ", on the whole test set" : "");
  }
  std::string operator()(const core::RunEnded& e) const {
    return e.stopped ? "the run is stopped" : "the run has ended";
  }
  std::string operator()(const core::Warn& e) const { return "warn: " + e.message; }
};

}  // namespace

std::string render(Instant when) {
  return time_of(when.time_since_epoch());
}

std::string render(WattHours energy) {
  return number(energy.value()) + " Wh";
}

std::string render(const core::Schedule& schedule) {
  return std::string(core::to_string(schedule.policy)) + " " +
         std::to_string(schedule.gamma_train) + "/" + std::to_string(schedule.gamma_sync);
}

std::string render(const Effect& effect) {
  return std::visit(Words(), effect);
}

std::string render_status(const core::Node& node, Instant now) {
  std::string text = "= " + render(now) + " " + core::to_string(node.phase()) + ", round " +
                     to_string(node.round());
  const auto waiting = node.waiting();
  if (waiting && !waiting->neighbours.empty()) text += ", for " + ids(waiting->neighbours);
  if (const auto due = node.next_deadline()) text += ", tick at " + render(*due);
  return text;
}

}  // namespace skiptrain::scenario
