#include "core/topology/adjacency_list.h"

#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "core/topology/build_topology.h"

namespace skiptrain::core {
namespace {

Topology parse(const std::string& text) {
  const auto graph = parse_adjacency_list(text, "edges.txt");
  EXPECT_TRUE(graph) << (graph ? "" : graph.error().message);
  return graph.value_or(Topology(0));
}

TEST(AdjacencyListTest, ReadsEachEdgeOnce) {
  const Topology graph = parse("4\n0 1\n1 2\n2 3\n3 0\n");
  EXPECT_EQ(graph, build_topology({TopologySpec::Kind::kRing}, 4, 0).value());
}

TEST(AdjacencyListTest, ReadsEachEdgeInBothDirections) {
  EXPECT_EQ(parse("3\n0 1\n1 0\n1 2\n2 1\n"), parse("3\n0 1\n1 2\n"));
}

TEST(AdjacencyListTest, SkipsBlankLinesCommentsAndOddSpacing) {
  EXPECT_EQ(parse("# three in a row\n\n3\r\n  0\t1  \r\n# and the last\n1 2"),
            parse("3\n0 1\n1 2\n"));
}

TEST(AdjacencyListTest, OneNodeNeedsNoEdges) {
  EXPECT_EQ(parse("1\n").node_count(), 1u);
}

struct BadList {
  const char* name;
  const char* text;
  const char* message;
};
// How the case is called in a list of tests.
void PrintTo(const BadList& c, std::ostream* out) {
  *out << c.name;
}

class BadAdjacencyListTest : public testing::TestWithParam<BadList> {};

TEST_P(BadAdjacencyListTest, IsRefusedWithFileAndLine) {
  const auto graph = parse_adjacency_list(GetParam().text, "edges.txt");
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(graph.error().message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Lists, BadAdjacencyListTest,
    testing::Values(
        BadList{"Empty", "", "edges.txt:1: the first line must be the number of nodes"},
        BadList{"OnlyComments", "# nothing\n\n",
                "edges.txt:2: the first line must be the number of nodes"},
        BadList{"CountIsAPair", "0 1\n1 2\n",
                "edges.txt:1: the first line must be the number of nodes, 1 to 1000000"},
        BadList{"NoNodes", "0\n",
                "edges.txt:1: the first line must be the number of nodes, 1 to 1000000"},
        BadList{"NegativeCount", "-3\n",
                "edges.txt:1: the first line must be the number of nodes, 1 to 1000000"},
        BadList{"TooManyNodes", "1000001\n",
                "edges.txt:1: the first line must be the number of nodes, 1 to 1000000"},
        BadList{"Asymmetric", "3\n0 1\n1 0\n1 2\n",
                "edges.txt:4: asymmetric: \"1 2\" is listed but \"2 1\" is not, while other edges "
                "stand in both directions"},
        BadList{"Disconnected", "4\n0 1\n2 3\n",
                "edges.txt:1: the graph is disconnected: some of the 4 nodes cannot reach each "
                "other"},
        BadList{"NoEdges", "2\n",
                "edges.txt:1: the graph is disconnected: some of the 2 nodes cannot reach each "
                "other"},
        BadList{"OutOfRange", "3\n0 1\n1 3\n",
                "edges.txt:3: node 3 is out of range: must be 0 to 2"},
        BadList{"FarOutOfRange", "3\n18446744073709551615 1\n",
                "edges.txt:2: node 18446744073709551615 is out of range: must be 0 to 2"},
        BadList{"SelfLoop", "3\n0 1\n2 2\n", "edges.txt:3: node 2 is joined to itself"},
        BadList{"Duplicate", "3\n0 1\n\n1 2\n0 1\n",
                "edges.txt:5: the pair \"0 1\" stands on line 2 already"},
        BadList{"OneWord", "3\n0 1\n12\n", "edges.txt:3: \"12\": must be two node numbers, u v"},
        BadList{"ThreeWords", "3\n0 1 2\n",
                "edges.txt:2: \"0 1 2\": must be two node numbers, u v"},
        BadList{"Garbage", "3\nzero one\n",
                "edges.txt:2: \"zero one\": must be two node numbers, u v"},
        BadList{"Negative", "3\n0 -1\n", "edges.txt:2: \"0 -1\": must be two node numbers, u v"}),
    [](const auto& info) { return info.param.name; });

// Whatever the bytes, the parser answers with a graph or an error.
TEST(AdjacencyListTest, SurvivesEveryPrefixOfAFileAndBinaryBytes) {
  const std::string text = "5\n0 1\n1 2\n# c\n2 3\n3 4\n";
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const auto graph = parse_adjacency_list(text.substr(0, length), "edges.txt");
    EXPECT_EQ(graph.has_value(), length >= text.size() - 1) << length;
  }
  EXPECT_FALSE(parse_adjacency_list(std::string("\x00\xff\x80\n", 4), "edges.txt"));
}

}  // namespace
}  // namespace skiptrain::core
