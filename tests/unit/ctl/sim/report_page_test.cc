// The HTML page as text: what is in it, and what must not be. How it is drawn is seen in
// report_browser_test.cc.
#include <regex>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/version.h"
#include "ctl/sim/report.h"
#include "samples.h"

namespace skiptrain::ctl {
namespace {

using Json = nlohmann::ordered_json;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::string data_text(const std::string& page) {
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const auto begin = page.find(open);
  if (begin == std::string::npos) return "";
  const auto end = page.find("</script", begin);
  return page.substr(begin + open.size(), end - begin - open.size());
}

Json data_of(const SimulationResults& results) {
  return Json::parse(data_text(to_html(results)));
}

TEST(SimPageTest, AsksForNothingOutsideItself) {
  const std::string page = to_html(sample_comparison());
  EXPECT_THAT(page, HasSubstr("content=\"default-src 'none';"));
  const std::regex loads("<link|<img|<iframe|<script[^>]*\\ssrc|@import|url\\(|\\shref=|fetch\\(");
  std::smatch match;
  EXPECT_FALSE(std::regex_search(page, match, loads)) << match.str();
  // Addresses that remain are names of XML namespaces in D3 and the notice of its licence.
  const auto notice = page.find("<!-- The charting library");
  const auto notice_end = page.find("-->", notice);
  ASSERT_NE(notice_end, std::string::npos);
  const std::string rest = page.substr(0, notice) + page.substr(notice_end);
  EXPECT_EQ(count_of(rest, "http://"), count_of(rest, "http://www.w3.org/"));
  EXPECT_EQ(count_of(rest, "https://"), 0u);
}

TEST(SimPageTest, CarriesTheLibraryWithItsNotice) {
  const std::string page = to_html(sample_comparison());
  EXPECT_THAT(page, HasSubstr("Michael Bostock"));
  EXPECT_THAT(page, HasSubstr("Redistributions in binary form must reproduce"));
  EXPECT_THAT(page, HasSubstr("d3={version:"));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
}

TEST(SimPageTest, NoTextOfAUserEndsTheScript) {
  SimulationResults results = sample_comparison();
  const std::string usual = to_html(results);
  const std::string nasty = "</script><script>alert(1)</script><!--{{library}}\xE2\x80\xA8&\"'";
  results.runs[0].label = nasty;
  results.runs[1].notes = {nasty};
  results.command = nasty;
  const std::string page = to_html(results);
  EXPECT_EQ(count_of(page, "</script"), count_of(usual, "</script"));
  EXPECT_EQ(count_of(page, "<!--"), count_of(usual, "<!--"));
  EXPECT_EQ(data_text(page).find("\xE2\x80\xA8"), std::string::npos);
  const Json data = Json::parse(data_text(page));
  EXPECT_EQ(data["runs"][0]["label"], nasty);
  EXPECT_EQ(data["runs"][1]["notes"][0], nasty);
  EXPECT_EQ(data["command"], nasty);
}

TEST(SimPageTest, TitleIsEscaped) {
  SimulationResults results = sample_without_evaluation();
  results.runs[0].label = "<b>&";
  EXPECT_THAT(to_html(results), HasSubstr("<title>SkipTrain simulation: &lt;b&gt;&amp;</title>"));
}

TEST(SimPageTest, ABrokenByteInATextDoesNotBreakThePage) {
  SimulationResults results = sample_without_evaluation();
  results.runs[0].label = "caf\xE9";
  EXPECT_EQ(data_of(results)["runs"][0]["label"], "caf\xEF\xBF\xBD");
}

TEST(SimPageTest, SaysWhatMadeIt) {
  const Json data = data_of(sample_comparison());
  EXPECT_THAT(data["command"].get<std::string>(), HasSubstr("--compare dpsgd,skiptrain"));
  EXPECT_EQ(data["version"], kVersion);
  const Json& settings = data["runs"][3]["settings"];
  EXPECT_THAT(settings, testing::Contains(Json({"Seed", "1"})));
  EXPECT_THAT(settings, testing::Contains(Json({"Learning rate", "0.1"})));
  EXPECT_THAT(settings, testing::Contains(Json({"Budget", "10.00 % of the battery"})));
}

TEST(SimPageTest, HasTheGridOfASweep) {
  const SimulationResults results = sample_sweep();
  const Json data = data_of(results);
  EXPECT_EQ(data["sweep"]["gamma_train"], Json({1, 2, 3, 4}));
  EXPECT_EQ(data["sweep"]["gamma_sync"], Json({1, 2, 3, 4}));
  ASSERT_THAT(data["runs"], SizeIs(15));
  const Json& cell = data["runs"][6];  // second row, third column
  EXPECT_EQ(cell["gamma_train"], 2);
  EXPECT_EQ(cell["gamma_sync"], 3);
  EXPECT_EQ(cell["summary"]["test_accuracy"], to_json(results.runs[6].summary)["test_accuracy"]);
  EXPECT_EQ(cell["summary"]["energy_wh"], to_json(results.runs[6].summary)["energy_wh"]);
}

TEST(SimPageTest, PlotsEvaluatedRoundsOverWhatTheyCost) {
  const SimulationResults results = sample_comparison();
  const Json evaluations = data_of(results)["runs"][1]["evaluations"];
  ASSERT_THAT(evaluations["done"], SizeIs(20));
  EXPECT_EQ(evaluations["done"][0], 4);
  EXPECT_EQ(evaluations["done"][19], 80);
  const RoundPoint& point = results.runs[1].series[3];
  EXPECT_NEAR(evaluations["energy_wh"][0].get<double>(), point.energy_wh, 1e-5);
  EXPECT_NEAR(evaluations["accuracy"]["std"][0].get<double>(), point.evaluation->accuracy.std,
              1e-6);
}

TEST(SimPageTest, GraphThatRunsShareStandsOnce) {
  const Json data = data_of(sample_comparison());
  ASSERT_THAT(data["graphs"], SizeIs(1));
  EXPECT_EQ(data["graphs"][0]["runs"], Json({0, 1, 2, 3, 4}));
  EXPECT_THAT(data["graphs"][0]["edges"], SizeIs(192));
}

TEST(SimPageTest, GraphTooLargeToDrawIsItsDegrees) {
  const Json graph = data_of(sample_quadratic())["graphs"][0];
  EXPECT_TRUE(graph["edges"].is_null());
  EXPECT_EQ(graph["degrees"], Json::array({Json({8, 1024})}));
  EXPECT_EQ(graph["edge_count"], 4096);
}

TEST(SimPageTest, ThinsLongSeriesAndKeepsTheEnd) {
  const SimulationResults results = sample_quadratic();
  const Json series = data_of(results)["runs"][0]["series"];
  EXPECT_THAT(series["done"], SizeIs(1200));
  EXPECT_EQ(series["done"][1199], 2400);
  // Rounds 3 and 4, of which the first is a train round of all 1024 nodes, the next is not.
  EXPECT_EQ(series["done"][2], 6);
  EXPECT_EQ(series["trained_nodes"][1], 1024);
  EXPECT_EQ(series["trained_nodes"][2], 0);
}

}  // namespace
}  // namespace skiptrain::ctl
