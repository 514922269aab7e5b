#include "tests/unit/store/crash_script.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace skiptrain::store::testing {
namespace {

constexpr std::size_t kParameters = 64;
constexpr std::size_t kSaveEvery = 2;  // sync rounds
constexpr Round kDirectivesAt[] = {Round(4), Round(8)};
constexpr Round kBudgetAt{5};
constexpr Round kEvaluationAt{3};

bool is_train_slot(Round round) {
  return round.value() % 3 != 2;
}

bool contains(const std::vector<Round>& rounds, Round round) {
  return std::ranges::find(rounds, round) != rounds.end();
}

std::string text_of(std::optional<Round> round) {
  return round ? to_string(*round) : "none";
}

// One found value must be among those that may be found; what was found is what counts from now on.
template <typename Value>
void settle_on(std::vector<Value>& candidates, const Value& found, const char* what,
               std::vector<std::string>& wrong) {
  if (std::ranges::find(candidates, found) == candidates.end()) {
    wrong.push_back(std::string(what) + " found are none that were saved");
  }
  candidates = {found};
}

}  // namespace

StoreOptions crash_options() {
  return {.folder = kFolder,
          .node = NodeId(7),
          .cluster_id = "home",
          .last_incarnation = {},
          .history_limit = 1000,
          .wal_pages = 12};  // so that the WAL is copied and begun again within a script
}

RunIdentity crash_run() {
  return {"run-1", Fingerprint(99), WattHours(9)};
}

ParameterLayout crash_layout() {
  ParameterLayout layout;
  layout.append("w", {kParameters});
  return layout;
}

ParametersPtr crash_model(Round round) {
  return copy_parameters(std::vector<float>(kParameters, static_cast<float>(round.value())));
}

bool CrashScript::goes_on(const Status& status) {
  if (status) return true;
  if (status.error().code == ErrorCode::kResourceExhausted) {
    ++refused_by_full_disk_;
    return true;
  }
  died_ = true;
  return false;
}

void CrashScript::live(std::uint64_t end, bool close) {
  died_ = true;  // until it is up
  auto store = StateStore::open(disk_, crash_options());
  if (!store) return;
  store_ = std::move(*store);
  incarnation_ = store_->incarnation().value();
  if (!store_->open_run(crash_run()) || !store_->load_model(crash_layout())) return store_.reset();
  died_ = false;
  // A run begins with its first model on the disk; one refused by a full disk is tried again.
  while (!died_ && !saved_) save();
  while (!died_ && round_.value() < end) {
    if (!save_settings(round_)) break;
    ports::StoredRound round;
    round.record.round = round_;
    round.record.train_slot = is_train_slot(round_);
    round.record.trained = intends(round_);
    if (died_) break;
    if (round.record.trained) {
      trained_.push_back(round_);
      settles_ = true;
      round.record.energy = WattHours(kMeasuredWh);
    }
    pending_.push_back(round);
    round_ = round_.next();
    if (settles_ || pending_.size() >= kSaveEvery) save();
  }
  if (!died_ && close) {
    if (!pending_.empty()) save();
    if (!died_) (void)goes_on(store_->close());
  }
  store_.reset();
}

// Whether `round` is to be trained: its intent is durable.
bool CrashScript::intends(Round round) {
  if (!is_train_slot(round) || contains(forfeited_, round)) return false;
  if (settles_ && !save()) return false;
  intending_ = round;
  const Status recorded = store_->record_intent(round, WattHours(kIntentWh));
  if (!goes_on(recorded)) return false;
  intending_.reset();
  if (recorded) intent_ = round;
  return recorded.has_value();
}

bool CrashScript::save() {
  ports::Progress progress;
  progress.state = {round_, 2, crash_model(round_)};
  progress.rounds = pending_;
  if (settles_) progress.settlement = {WattHours(kMeasuredWh), true};
  saving_ = round_;
  const auto saved = store_->save(progress);
  if (!goes_on(saved ? Status() : Status(tl::unexpected(saved.error())))) return false;
  saving_.reset();
  if (!saved) return false;
  saved_ = round_;
  if (settles_) intent_.reset();
  settles_ = false;
  pending_.clear();
  return true;
}

bool CrashScript::save_settings(Round round) {
  if (std::ranges::find(kDirectivesAt, round) != std::end(kDirectivesAt)) {
    auto more = directives_.back();
    more.push_back({{round.value(), NodeId(3)}, round.next(), core::LearningRate{0.25}});
    directives_.push_back(std::move(more));
    const Status saved = store_->save_directives(directives_.back());
    if (!goes_on(saved)) return false;
    directives_.erase(saved ? directives_.begin() : directives_.end() - 1);
  }
  if (round == kBudgetAt) {
    budgets_.push_back(WattHours(7));
    const Status saved = store_->save_budget(budgets_.back());
    if (!goes_on(saved)) return false;
    budgets_.erase(saved ? budgets_.begin() : budgets_.end() - 1);
  }
  return round != kEvaluationAt || goes_on(store_->save_evaluation(Round(0), {0.5, 0.75, 10, {}}));
}

std::vector<std::string> CrashScript::judge() {
  std::vector<std::string> wrong;
  store_.reset();
  auto store = StateStore::open(disk_, crash_options());
  if (!store) return {"cannot be opened: " + store.error().message};
  if ((*store)->incarnation().value() <= incarnation_) wrong.push_back("the incarnation is old");
  const auto run = (*store)->open_run(crash_run());
  if (!run) return {"the run cannot be opened: " + run.error().message};
  const auto model = (*store)->load_model(crash_layout());
  if (!model) return {"no model: " + model.error().message};
  if (*model && !(*model)->warnings.empty()) wrong.push_back((*model)->warnings.front());
  check_model(*model, wrong);
  check_energy(*run, wrong);
  settle_on(directives_, run->directives, "the directives", wrong);
  settle_on(budgets_, run->budget, "the budget", wrong);
  if (!wrong.empty()) return wrong;

  // What is recovered is where it goes on from.
  const bool ended_in_forfeit = run->forfeited.size() > forfeited_.size();
  std::erase_if(trained_, [&](Round round) { return round >= round_; });
  forfeited_ = run->forfeited;
  if (ended_in_forfeit) std::erase(trained_, forfeited_.back());
  pending_.clear();
  saving_ = intent_ = intending_ = std::nullopt;
  settles_ = false;
  store->reset();
  live(round_.value() + 2, true);
  if (died_ || saved_ != round_) wrong.push_back("does not go on after the crash");
  return wrong;
}

void CrashScript::check_model(const std::optional<RecoveredModel>& model,
                              std::vector<std::string>& wrong) {
  const auto found = model ? std::optional(model->round) : std::nullopt;
  if (found != saved_ && (!saving_ || found != saving_)) {
    wrong.push_back("found round " + text_of(found) + ", saved was " + text_of(saved_) +
                    ", being saved " + text_of(saving_));
  }
  saved_ = found;
  round_ = found.value_or(Round(0));
  if (!model) return;
  const auto expected = crash_model(model->round);
  if (!std::ranges::equal(model->parameters->values(), expected->values())) {
    wrong.push_back("the model is not that of round " + to_string(model->round));
  }
  Round next(0);
  for (const ports::StoredRound& round : model->rounds) {
    if (round.record.round != next) wrong.push_back("the history has no round " + to_string(next));
    if (round.record.trained != contains(trained_, round.record.round)) {
      wrong.push_back("the history is wrong about round " + to_string(round.record.round));
    }
    next = round.record.round.next();
  }
  if (next != model->round) wrong.push_back("the history ends before round " + to_string(next));
}

// After check_model: round_ is the round found.
void CrashScript::check_energy(const RecoveredRun& run, std::vector<std::string>& wrong) const {
  const auto in_model = static_cast<std::uint64_t>(
      std::ranges::count_if(trained_, [&](Round round) { return round < round_; }));
  if (run.train_rounds != in_model) {
    wrong.push_back("counts " + std::to_string(run.train_rounds) + " train rounds, not " +
                    std::to_string(in_model));
  }
  const double least = kMeasuredWh * static_cast<double>(in_model) +
                       kIntentWh * static_cast<double>(forfeited_.size());
  const double spent = run.spent.value();
  const auto is = [&](double expected) { return std::abs(spent - expected) < 1e-9; };
  const bool lost = intent_ && *intent_ >= round_;
  if (lost && (!is(least + kIntentWh) || !contains(run.forfeited, *intent_))) {
    wrong.push_back("round " + to_string(*intent_) + " was lost, but may be trained for nothing");
  }
  if (!lost && !is(least) && !(intending_ && is(least + kIntentWh))) {
    wrong.push_back("spent " + std::to_string(spent) + " Wh, training has cost " +
                    std::to_string(least));
  }
}

}  // namespace skiptrain::store::testing
