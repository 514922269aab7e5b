// Seeing what a fleet does: the page of its histories and the bundle for those who look for a
// fault.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

// The page's data, as its scripts read it.
Json data_of(const std::string& page) {
  const std::string open = R"(id="data">)";
  const auto begin = page.find(open);
  if (begin == std::string::npos) return nullptr;
  const auto from = begin + open.size();
  return Json::parse(page.substr(from, page.find("</script>", from) - from));
}

TEST(ReportTest, ShowsTheHistoriesOfRealNodes) {
  TestCluster cluster(3);
  cluster.set("run.rounds", "12");
  cluster.set("round.evaluate_every", "4");
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_until_finished()) << cluster.describe();
  const std::string file = cluster.dir() / "report.html";
  const Answer whole = cluster.ask(0, {"report", "-o", file});
  ASSERT_EQ(whole.exit_code, kOk) << whole.err;
  const Json data = data_of(read_file(file));
  const Json& run = data.at("runs").at(0);
  EXPECT_EQ(run.at("summary").at("nodes"), 3);
  EXPECT_EQ(run.at("summary").at("rounds"), 12);
  EXPECT_EQ(run.at("series").at("done").size(), 12U);
  EXPECT_EQ(run.at("virtual_seconds"), nullptr);
  double energy = 0;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    const Json status = cluster.status(i);
    energy += status.at("energy_spent_wh").get<double>();
    EXPECT_NEAR(run.at("nodes").at("accuracy").at(i).get<double>(),
                status.at("last_evaluation").at("accuracy").get<double>(), 1e-5);
  }
  EXPECT_NEAR(run.at("series").at("energy_wh").back().get<double>(), energy, 1e-4 * energy);

  ASSERT_TRUE(cluster.kill(2));
  const Answer rest = cluster.ask(0, {"report", "-o", file});
  EXPECT_EQ(rest.exit_code, kDegraded);
  EXPECT_THAT(read_file(file), HasSubstr("no answer from node-"));
  EXPECT_EQ(data_of(read_file(file)).at("runs").at(0).at("summary").at("nodes"), 2);

  fs::remove(file);
  const Answer unknown = cluster.ask(0, {"report", "--run", "nobody's", "-o", file});
  EXPECT_EQ(unknown.exit_code, kNotFound);
  EXPECT_THAT(unknown.err, HasSubstr("runs seen"));
  EXPECT_FALSE(fs::exists(file));
}

TEST(DebugBundleTest, HoldsWhatThereIsOfEachNodeAndNoSecret) {
  TestCluster cluster(3);
  cluster.find_each_other();
  cluster.set("run.rounds", "8");
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_until_finished()) << cluster.describe();
  ASSERT_TRUE(cluster.kill(2));
  const std::string file = cluster.dir() / "bundle.tar";
  const Answer answer = cluster.ask(0, {"debug", "bundle", "-o", file});
  EXPECT_EQ(answer.exit_code, kDegraded) << answer.err;
  struct stat info {};
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);

  const std::string folder = cluster.dir() / "unpacked";
  fs::create_directory(folder);
  const Finished tar =
      run({"/usr/bin/tar", "-x", "-f", file, "-C", folder, "--strip-components=1"});
  ASSERT_EQ(tar.exit.code, 0) << tar.err;
  const Json manifest = Json::parse(read_file(folder + "/manifest.json"));
  ASSERT_EQ(manifest.at("nodes").size(), 3U);
  EXPECT_EQ(manifest.at("no_answer").size(), 1U);
  EXPECT_FALSE(manifest.at("skipctl").get<std::string>().empty());
  for (std::size_t i = 0; i < 2; ++i) {
    const Json& node = manifest.at("nodes").at(i);
    EXPECT_TRUE(node.at("ok")) << node;
    EXPECT_TRUE(node.at("missing").empty()) << node;
    const std::string own = folder + "/" + node.at("folder").get<std::string>() + "/";
    for (const auto& [name, bytes] : node.at("files").items()) {
      EXPECT_EQ(fs::file_size(own + name), bytes.get<std::size_t>()) << name;
    }
    EXPECT_EQ(Json::parse(read_file(own + "status.json")).at("phase"), "finished");
    EXPECT_EQ(Json::parse(read_file(own + "members.json")).at("members").size(), 3U);
    EXPECT_THAT(read_file(own + "version.json"), HasSubstr("libtorch"));
    EXPECT_THAT(read_file(own + "config.txt"), HasSubstr("run.rounds = 8\n"));
    EXPECT_THAT(read_file(own + "config.txt"), HasSubstr("# membership.keyring: removed"));
    EXPECT_THAT(read_file(own + "metrics.txt"), HasSubstr("skiptrain_round"));
    EXPECT_THAT(read_file(own + "log.txt"), HasSubstr("the run has finished at round 8"));
    const std::string rounds = read_file(own + "rounds.jsonl");
    EXPECT_EQ(std::count(rounds.begin(), rounds.end(), '\n'), 8);
  }

  // The file that find_each_other has made: a header, and a line with the key.
  const std::string path = cluster.dir() / "key";
  const std::string keyring = read_file(path);
  const std::string key = keyring.substr(keyring.find('\n') + 1, 40);
  ASSERT_EQ(key.size(), 40U) << "not a key in base64";
  EXPECT_THAT(read_file(file), Not(HasSubstr(key)));
  EXPECT_THAT(read_file(file), Not(HasSubstr(path)));
}

}  // namespace
}  // namespace skiptrain::integration
