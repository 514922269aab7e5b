// Real daemons that only mix compute W^k x(0).
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "core/topology/adjacency_list.h"
#include "core/topology/build_topology.h"
#include "core/topology/mixing_matrix.h"
#include "store/safetensors.h"
#include "tests/integration/cluster/test_cluster.h"

namespace skiptrain::integration {
namespace {

constexpr std::uint64_t kRounds = 12;
constexpr std::uint64_t kSeed = 5;
constexpr double kTolerance = 1e-5;
// A graph of no named kind, whose degrees go from 1 to 4.
constexpr const char* kAdjacencyList = "6\n0 1\n1 2\n2 3\n1 3\n3 4\n1 4\n4 5\n";

struct Case {
  std::string name;
  std::string topology;  // "file" stands for kAdjacencyList
  std::size_t nodes;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.topology;
}

// The perceptron of TestCluster, as the daemon lays it out.
ParameterLayout perceptron() {
  ParameterLayout layout;
  layout.append("fc1.weight", {8, kImageSide * kImageSide});
  layout.append("fc1.bias", {8});
  layout.append("fc2.weight", {kClasses, 8});
  layout.append("fc2.bias", {kClasses});
  return layout;
}

std::vector<std::vector<float>> random_models(std::size_t nodes, std::size_t parameters) {
  std::vector<std::vector<float>> models(nodes);
  Rng rng(kSeed);
  for (auto& model : models) {
    for (std::size_t p = 0; p < parameters; ++p) {
      model.push_back(static_cast<float>(rng.normal()));
    }
  }
  return models;
}

// W^rounds x in double precision; [node][parameter].
std::vector<std::vector<double>> mixed(const core::Topology& graph,
                                       const std::vector<std::vector<float>>& models,
                                       std::uint64_t rounds) {
  const core::MixingMatrix matrix(graph);
  std::vector<std::vector<double>> result(models.size(),
                                          std::vector<double>(models.front().size()));
  for (std::size_t p = 0; p < models.front().size(); ++p) {
    std::vector<double> x;
    for (const auto& model : models) x.push_back(model[p]);
    for (std::uint64_t t = 0; t < rounds; ++t) x = matrix.apply(x);
    for (std::size_t i = 0; i < models.size(); ++i) result[i][p] = x[i];
  }
  return result;
}

class MixingAloneTest : public ::testing::TestWithParam<Case> {
 protected:
  Result<core::Topology> graph() const {
    if (GetParam().topology == "file") return core::parse_adjacency_list(kAdjacencyList, "graph");
    const auto spec = core::parse_topology_spec(GetParam().topology);
    if (!spec) return tl::unexpected(spec.error());
    return core::build_topology(*spec, GetParam().nodes, kSeed);
  }
};

TEST_P(MixingAloneTest, EqualsThePowersOfTheMixingMatrix) {
  const auto topology = graph();
  ASSERT_TRUE(topology) << topology.error().message;
  const ParameterLayout layout = perceptron();
  const auto models = random_models(GetParam().nodes, layout.parameter_count());

  TestCluster cluster(GetParam().nodes);
  write_file(cluster.dir() / "graph.txt", kAdjacencyList);
  const bool from_file = GetParam().topology == "file";
  const std::string spec =
      from_file ? "file:" + (cluster.dir() / "graph.txt") : GetParam().topology;
  cluster.set("cluster.topology", "\"" + spec + "\"");
  cluster.set("run.seed", std::to_string(kSeed));
  cluster.set("run.rounds", std::to_string(kRounds));
  // No budget, so that nobody ever trains.
  cluster.set("schedule.policy", "\"greedy\"");
  cluster.set("energy.budget_wh", "0.0");
  for (std::size_t i = 0; i < models.size(); ++i) {
    const std::string file = cluster.dir() / ("x" + std::to_string(i) + ".safetensors");
    ASSERT_TRUE(store::write_safetensors(file, layout, models[i], {}));
    cluster.set(i, "model.initial", "\"" + file + "\"");
  }
  cluster.start_all();
  ASSERT_TRUE(cluster.wait_until_finished()) << cluster.describe();

  const auto expected = mixed(*topology, models, kRounds);
  for (std::size_t i = 0; i < models.size(); ++i) {
    const Json status = cluster.status(i);
    EXPECT_EQ(status.at("train_rounds"), 0);
    EXPECT_EQ(status.at("updates").at("missed"), 0);
    for (const Json& record : cluster.rounds(i)) {
      EXPECT_EQ(record.at("neighbours_mixed"),
                topology->degree(static_cast<core::Topology::Position>(i)))
          << "node " << i << ": " << record << "\n"
          << cluster.ask(i, {"peers"}).json << "\n"
          << cluster.log(i);
    }
    const std::string file = cluster.dir() / ("y" + std::to_string(i) + ".safetensors");
    ASSERT_EQ(cluster.ask(i, {"model", "export", file}).exit_code, kOk);
    const auto exported = store::read_safetensors(file, &layout);
    ASSERT_TRUE(exported) << exported.error().message;
    EXPECT_EQ(exported->info.round, Round(kRounds));
    double worst = 0.0;
    for (std::size_t p = 0; p < layout.parameter_count(); ++p) {
      worst = std::max(worst, std::abs(exported->parameters->values()[p] - expected[i][p]));
    }
    EXPECT_LE(worst, kTolerance) << "node " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Topologies, MixingAloneTest,
                         ::testing::Values(Case{"Ring", "ring", 6}, Case{"Complete", "complete", 5},
                                           Case{"Star", "star", 6}, Case{"Torus", "torus", 9},
                                           Case{"Regular3", "regular:3", 8},
                                           Case{"Regular4", "regular:4", 9},
                                           Case{"File", "file", 6}),
                         [](const ::testing::TestParamInfo<Case>& info) {
                           return info.param.name;
                         });

}  // namespace
}  // namespace skiptrain::integration
