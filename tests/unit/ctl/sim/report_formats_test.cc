// The forms that programs read: JSON and CSV.
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/sim/report.h"
#include "samples.h"

namespace skiptrain::ctl {
namespace {

using Json = nlohmann::ordered_json;
using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

TEST(SimJsonTest, SingleRunHasTheFieldsOfTestbedRunAtTheTop) {
  SimulationResults results = sample_comparison();
  results.runs.resize(1);
  const Json json = to_json(results);
  const Json summary = to_json(results.runs.front().summary);
  ASSERT_TRUE(summary.contains("test_accuracy"));
  for (const auto& [key, value] : summary.items()) {
    ASSERT_TRUE(json.contains(key)) << key;
    EXPECT_EQ(json[key], value) << key;
  }
  EXPECT_EQ(json["virtual_seconds"], results.runs.front().virtual_seconds);
  EXPECT_THAT(json["series"], SizeIs(80));
  ASSERT_THAT(json["runs"], SizeIs(1));
  EXPECT_EQ(json["runs"][0]["series"], json["series"]);
}

TEST(SimJsonTest, SeveralRunsStandInAListAlone) {
  const Json json = to_json(sample_comparison());
  ASSERT_THAT(json["runs"], SizeIs(5));
  EXPECT_FALSE(json.contains("series"));
  EXPECT_FALSE(json.contains("nodes"));
  EXPECT_TRUE(json["sweep"].is_null());
  EXPECT_EQ(json["runs"][1]["label"], "skiptrain 4/4");
  EXPECT_EQ(json["runs"][1]["gamma_sync"], 4);
  EXPECT_EQ(json["runs"][2]["interrupted"], true);
  EXPECT_THAT(json["runs"][2]["notes"], SizeIs(1));
  EXPECT_EQ(json["runs"][3]["options"]["budget_fraction"], 0.1);
}

TEST(SimJsonTest, SeriesTellsEachRound) {
  const SimulationResults results = sample_comparison();
  const SimulatedRun& run = results.runs[1];
  const Json series = to_json(results)["runs"][1]["series"];
  const Json& point = series[3];
  EXPECT_EQ(point["round"], 3);
  EXPECT_EQ(point["energy_wh"], run.series[3].energy_wh);
  EXPECT_EQ(point["bytes_sent"], run.series[3].bytes_sent);
  EXPECT_EQ(point["trained_nodes"], 64);
  EXPECT_EQ(point["consensus_distance"], run.series[3].consensus_distance);
  EXPECT_EQ(point["test_accuracy"]["mean"], run.series[3].evaluation->accuracy.mean);
  EXPECT_THAT(point["node_test_accuracy"], SizeIs(64));
  EXPECT_TRUE(series[2]["test_accuracy"].is_null());
  EXPECT_TRUE(series[2]["node_test_loss"].is_null());
}

TEST(SimJsonTest, TellsProfilesAndGraph) {
  const Json run = to_json(sample_comparison())["runs"][0];
  ASSERT_THAT(run["profiles"], SizeIs(4));
  EXPECT_EQ(run["profiles"][3]["profile"], "poco-x3");
  EXPECT_EQ(run["profiles"][3]["nodes"], 16);
  EXPECT_NEAR(run["profiles"][3]["energy_wh"].get<double>(), 0.008519120 * 16 * 80, 1e-9);
  EXPECT_EQ(run["graph"]["nodes"], 64);
  EXPECT_THAT(run["graph"]["edges"], SizeIs(64 * 6 / 2));
  EXPECT_GT(run["graph"]["spectral_gap"], 0.0);
}

TEST(SimJsonTest, WhatWasNotMeasuredIsNull) {
  const Json json = to_json(sample_without_evaluation());
  EXPECT_TRUE(json["test_accuracy"]["mean"].is_null());
  EXPECT_TRUE(json["series"][2]["test_loss"].is_null());
  EXPECT_TRUE(to_json(sample_quadratic())["series"][0]["consensus_distance"].is_null());
}

// Reads RFC 4180: what a spreadsheet would see.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> records(1, {""});
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    std::string& field = records.back().back();
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      records.back().emplace_back();
    } else if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
      ++i;
      records.push_back({""});
    } else {
      field += c;
    }
  }
  records.pop_back();  // after the last line end
  return records;
}

TEST(SimCsvTest, HasARecordPerRunAndRound) {
  const auto records = parse_csv(to_csv(sample_comparison()));
  ASSERT_THAT(records, SizeIs(1 + 4 * 80 + 62));
  EXPECT_THAT(records, Each(SizeIs(26)));
  EXPECT_EQ(records[0].front(), "label");
  EXPECT_EQ(records[0][11], "round");
  EXPECT_EQ(records[0].back(), "test_loss_max");
  EXPECT_EQ(records[1][0], "dpsgd");
  EXPECT_EQ(records[1][2], "") << "dpsgd has no gammas";
  EXPECT_EQ(records[81][0], "skiptrain 4/4");
  EXPECT_EQ(records[81][2], "4");
  EXPECT_EQ(records[82][11], "1");
}

TEST(SimCsvTest, NumbersReadBackAsTheyWere) {
  const SimulationResults results = sample_comparison();
  const auto records = parse_csv(to_csv(results));
  const RoundPoint& point = results.runs[0].series[3];
  EXPECT_EQ(std::stod(records[4][13]), point.energy_wh);
  EXPECT_EQ(std::stoull(records[4][14]), point.bytes_sent);
  EXPECT_EQ(std::stod(records[4][18]), point.evaluation->accuracy.mean);
  EXPECT_EQ(std::stod(records[4][25]), point.evaluation->loss.max);
  EXPECT_EQ(records[3][18], "") << "not evaluated";
}

TEST(SimCsvTest, QuotesFieldsThatNeedIt) {
  SimulationResults results = sample_without_evaluation();
  results.runs[0].label = "a, \"b\"\r\nc";
  results.runs[0].options.topology = "file:a,b.txt";
  const std::string csv = to_csv(results);
  EXPECT_THAT(csv, HasSubstr("\r\n\"a, \"\"b\"\"\r\nc\","));
  EXPECT_THAT(csv, EndsWith("\r\n"));
  const auto records = parse_csv(csv);
  ASSERT_THAT(records, SizeIs(4));
  EXPECT_EQ(records[1][0], "a, \"b\"\r\nc");
  EXPECT_EQ(records[1][5], "file:a,b.txt");
}

TEST(SimCsvTest, WritesNoNan) {
  EXPECT_THAT(to_csv(sample_without_evaluation()), Not(HasSubstr("nan")));
  EXPECT_THAT(to_csv(sample_quadratic()), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace skiptrain::ctl
