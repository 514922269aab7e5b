#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "base/check.h"
#include "ctl/sim/report.h"

namespace skiptrain::ctl {
namespace {

std::string_view header() {
  return "label,policy,gamma_train,gamma_sync,nodes,topology,model,partition,network,trainer,seed,"
         "round,"
         "virtual_seconds,energy_wh,bytes_sent,trained_nodes,local_consensus_distance,"
         "consensus_distance,test_accuracy_mean,test_accuracy_std,test_accuracy_min,test_accuracy_"
         "max,"
         "test_loss_mean,test_loss_std,test_loss_min,test_loss_max";
}

// One record, field by field.
class Record {
 public:
  Record& add(std::string_view text) {
    separate();
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
      text_ += text;
      return *this;
    }
    text_ += '"';
    for (const char c : text) {
      if (c == '"') text_ += '"';
      text_ += c;
    }
    text_ += '"';
    return *this;
  }
  Record& add(std::uint64_t value) { return add(std::string_view(std::to_string(value))); }
  // The shortest text that reads back as the same number.
  Record& add(double value) {
    if (!std::isfinite(value)) return add(std::string_view());
    std::array<char, 32> buffer{};
    const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    SKIPTRAIN_CHECK(written.ec == std::errc(), "a double takes more than 32 characters");
    return add(std::string_view(buffer.data(), written.ptr));
  }
  Record& add(const Statistics& s) { return add(s.mean).add(s.std).add(s.min).add(s.max); }

  const std::string& text() const { return text_; }

 private:
  void separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }

  std::string text_;
  bool first_ = true;
};

void add_run(const SimulatedRun& run, Record& record) {
  const TestbedOptions& options = run.options;
  const core::Schedule& schedule = options.schedule;
  record.add(std::string_view(run.label)).add(core::to_string(schedule.policy));
  if (core::alternates(schedule.policy)) {
    record.add(std::uint64_t{schedule.gamma_train}).add(std::uint64_t{schedule.gamma_sync});
  } else {
    record.add(std::string_view()).add(std::string_view());
  }
  record.add(std::uint64_t{options.nodes});
  for (const std::string& text :
       {options.topology, options.model, options.partition, run.network, run.trainer}) {
    record.add(std::string_view(text));
  }
  record.add(options.seed);
}

void add_point(const RoundPoint& point, Record& record) {
  constexpr Statistics kNone{kNotMeasured, kNotMeasured, kNotMeasured, kNotMeasured};
  record.add(point.round.value()).add(point.virtual_seconds).add(point.energy_wh);
  record.add(point.bytes_sent).add(point.trained_nodes);
  record.add(point.local_consensus_distance).add(point.consensus_distance);
  record.add(point.evaluation ? point.evaluation->accuracy : kNone);
  record.add(point.evaluation ? point.evaluation->loss : kNone);
}

}  // namespace

std::string to_csv(const SimulationResults& results) {
  constexpr std::string_view kLineEnd = "\r\n";
  std::string csv;
  csv.append(header()).append(kLineEnd);
  for (const SimulatedRun& run : results.runs) {
    Record beginning;
    add_run(run, beginning);
    for (const RoundPoint& point : run.series) {
      Record record = beginning;
      add_point(point, record);
      csv.append(record.text()).append(kLineEnd);
    }
  }
  return csv;
}

}  // namespace skiptrain::ctl
