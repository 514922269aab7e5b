#include "ctl/sim/faults_file.h"

#include <array>
#include <functional>
#include <utility>

#include "ctl/sim/toml_reader.h"

namespace skiptrain::ctl {
namespace {

constexpr double kMaxFactor = 1e6;
constexpr std::uint64_t kMaxDrawn = 100'000;
constexpr std::uint64_t kMaxRound = 1'000'000'000;

// Reads the keys of one [[fault]].
class FaultReader {
 public:
  FaultReader(const toml::table& table, const std::string& file, std::size_t nodes)
      : reader_(table, file), nodes_(nodes) {}

  Result<sim::Fault> read() {
    const std::string kind = reader_.text("kind").value_or("");
    sim::Fault fault{{}, kind_of(kind)};
    fault.when = trigger();
    if (auto done = reader_.finish(); !done) return tl::unexpected(done.error());
    return fault;
  }

 private:
  using Make = sim::FaultKind (FaultReader::*)();
  struct Kind {
    const char* name;
    Make make;
  };

  sim::FaultKind kind_of(const std::string& name) {
    static constexpr std::array<Kind, 11> kKinds = {{
        {"crash", &FaultReader::crash},
        {"restart", &FaultReader::restart},
        {"partition", &FaultReader::partition},
        {"heal", &FaultReader::heal},
        {"cut", &FaultReader::cut},
        {"mend", &FaultReader::mend},
        {"break-link", &FaultReader::break_link},
        {"slow-down", &FaultReader::slow_down},
        {"step-clock", &FaultReader::step_clock},
        {"skew-clock", &FaultReader::skew_clock},
        {"fail-training", &FaultReader::fail_training},
    }};
    std::string names;
    for (const Kind& kind : kKinds) {
      if (name == kind.name) return (this->*kind.make)();
      names += (names.empty() ? "" : ", ") + std::string(kind.name);
    }
    reader_.complain("kind", "must be one of " + names);
    return sim::Heal{};
  }

  std::uint32_t node(const char* key = "node") {
    const auto value = reader_.count(key, nodes_ - 1);
    if (!value) reader_.complain(key, "must name a node, 0 to " + std::to_string(nodes_ - 1));
    about_ = static_cast<std::uint32_t>(value.value_or(0));
    return about_;
  }

  sim::FaultKind crash() { return sim::Crash{node()}; }
  sim::FaultKind restart() {
    return sim::Restart{node(), reader_.boolean("from_checkpoint").value_or(false)};
  }
  sim::FaultKind partition() {
    const auto groups = reader_.groups("groups", nodes_);
    if (!groups) reader_.complain("groups", "a partition needs its groups of nodes");
    return sim::Partition{groups.value_or(std::vector<std::vector<std::uint32_t>>())};
  }
  sim::FaultKind heal() { return sim::Heal{}; }
  sim::FaultKind cut() {
    const std::uint32_t from = node("from");
    return sim::Cut{from, node("to")};
  }
  sim::FaultKind mend() {
    const std::uint32_t from = node("from");
    return sim::Mend{from, node("to")};
  }
  sim::FaultKind break_link() {
    const auto ends = reader_.positions("between", nodes_);
    if (!ends || ends->size() != 2) {
      reader_.complain("between", "must name two nodes, as in [0, 3]");
      return sim::Heal{};
    }
    about_ = (*ends)[0];
    return sim::BreakLink{(*ends)[0], (*ends)[1], reader_.duration("down").value_or(Duration{})};
  }
  sim::FaultKind slow_down() {
    const std::uint32_t which = node();
    return sim::SlowDown{which, reader_.number("factor", 1 / kMaxFactor, kMaxFactor).value_or(1)};
  }
  sim::FaultKind step_clock() {
    const std::uint32_t which = node();
    const Duration by = reader_.duration("by").value_or(Duration{});
    return sim::StepClock{which, reader_.boolean("backwards").value_or(false) ? -by : by};
  }
  sim::FaultKind skew_clock() {
    const std::uint32_t which = node();
    return sim::SkewClock{which, reader_.number("rate", 0.01, 100).value_or(1)};
  }
  sim::FaultKind fail_training() {
    const std::uint32_t which = node();
    return sim::FailTraining{
        which, static_cast<std::uint32_t>(reader_.count("rounds", 1'000'000).value_or(1))};
  }

  sim::Trigger trigger() {
    const auto at = reader_.duration("at");
    const auto round = reader_.count("after_round", kMaxRound);
    const auto of = reader_.count("of", nodes_ - 1);
    if (at.has_value() == round.has_value()) {
      reader_.complain(at ? "at" : "kind", "give either at or after_round");
    }
    if (round) {
      return sim::AtCommit{static_cast<std::uint32_t>(of.value_or(about_)), Round(*round)};
    }
    return sim::AtTime{Instant(at.value_or(Duration{}))};
  }

  TomlReader reader_;
  std::size_t nodes_;
  std::uint32_t about_ = 0;  // the node that the fault is about
};

Status draw(const toml::table& table, const std::string& file, const core::Topology& topology,
            sim::FaultPlan& plan) {
  TomlReader reader(table, file);
  sim::RandomFaults random;
  const auto count = [&](const char* key, std::uint32_t& field) {
    if (auto v = reader.count(key, kMaxDrawn)) field = static_cast<std::uint32_t>(*v);
  };
  const auto number = [&](const char* key, double& field, double most) {
    if (auto v = reader.number(key, 0, most)) field = *v;
  };
  const std::uint64_t seed = reader.count("seed", kMaxRound).value_or(1);
  constexpr Duration kLeast = std::chrono::milliseconds(1);
  if (auto v = reader.duration("period", kLeast)) random.period = *v;
  if (auto v = reader.duration("max_clock_step", kLeast)) random.max_clock_step = *v;
  count("crashes", random.crashes);
  count("partitions", random.partitions);
  count("one_way_cuts", random.one_way_cuts);
  count("link_breaks", random.link_breaks);
  count("slow_nodes", random.slow_nodes);
  count("clock_steps", random.clock_steps);
  count("clock_skews", random.clock_skews);
  number("stays_down", random.stays_down, 1);
  number("from_checkpoint", random.from_checkpoint, 1);
  number("max_slow_factor", random.max_slow_factor, kMaxFactor);
  number("max_clock_skew", random.max_clock_skew, 0.9);
  if (auto done = reader.finish(); !done) return done;
  const sim::FaultPlan drawn = sim::draw_faults(random, topology, seed);
  plan.faults.insert(plan.faults.end(), drawn.faults.begin(), drawn.faults.end());
  return {};
}

}  // namespace

Result<sim::FaultPlan> load_faults(const std::string& path, const core::Topology& topology) {
  const auto table = parse_toml_file(path);
  if (!table) return tl::unexpected(table.error());
  TomlReader reader(*table, path);
  sim::FaultPlan plan;
  if (auto v = reader.number("training_failure", 0, 1)) plan.training_failure = *v;
  if (auto v = reader.number("fetch_failure", 0, 1)) plan.fetch_failure = *v;
  if (auto v = reader.duration("until")) plan.until = Instant(*v);
  for (const toml::table* entry : reader.tables("fault")) {
    auto fault = FaultReader(*entry, path, topology.node_count()).read();
    if (!fault) return tl::unexpected(fault.error());
    plan.faults.push_back(*std::move(fault));
  }
  if (const toml::table* random = reader.table("random")) {
    if (auto drawn = draw(*random, path, topology, plan); !drawn) {
      return tl::unexpected(drawn.error());
    }
  }
  if (auto done = reader.finish(); !done) return tl::unexpected(done.error());
  if (auto valid = sim::validate(plan, topology); !valid) {
    return fail(valid.error().code, path + ": " + valid.error().message);
  }
  return plan;
}

}  // namespace skiptrain::ctl
