// The example file and the README say what the table of keys says.
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/config_fixture.h"

namespace skiptrain::daemon {
namespace {

const std::filesystem::path kSource = SKIPTRAIN_SOURCE_DIR;
const std::filesystem::path kExample = kSource / "deploy/examples/skiptraind.toml";

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file);
  EXPECT_TRUE(in.is_open()) << file;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct ExampleLine {
  std::string value;  // up to the comment
  bool commented = false;
  std::string uncommented_file;  // the example with this line's "# " taken off
};

// By key path; of several [[cluster.nodes]], the first entry that mentions the key.
std::map<std::string, ExampleLine> example_lines() {
  static const std::regex kSection(R"(\[\[?([a-z.]+)\]\]?\s*)");
  static const std::regex kKey(R"re((# )?([a-z0-9_.]+) = ("[^"]*"|\S+)\s*(#.*)?)re");
  const std::string text = contents(kExample);
  std::istringstream in(text);
  std::map<std::string, ExampleLine> found;
  std::string section;
  std::string line;
  std::smatch match;
  for (std::size_t begin = 0; std::getline(in, line); begin += line.size() + 1) {
    if (std::regex_match(line, match, kSection)) {
      section = match[1].str() == "cluster.nodes" ? "cluster.nodes[]" : match[1].str();
    } else if (std::regex_match(line, match, kKey)) {
      ExampleLine entry{match[3].str(), match[1].matched, text};
      if (entry.commented) entry.uncommented_file.erase(begin, 2);
      found.emplace(section + "." + match[2].str(), entry);
    }
  }
  return found;
}

TEST(ConfigExampleTest, Loads) {
  const auto config = load_config(kExample);
  ASSERT_TRUE(config.has_value()) << config.error().message;
}

TEST(ConfigExampleTest, MentionsEveryKeyAndNoOther) {
  auto lines = example_lines();
  for (const KeyReference& key : key_references()) {
    EXPECT_EQ(lines.erase(key.path), 1u) << key.path << " is not in the example";
  }
  for (const auto& [path, line] : lines) ADD_FAILURE() << path << " is no key";
}

TEST(ConfigExampleTest, ShowsRequiredKeysAndCommentsOutDefaults) {
  const auto lines = example_lines();
  const auto config = load_config(kExample);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  for (const KeyReference& key : key_references()) {
    const ExampleLine& line = lines.at(key.path);
    if (key.default_value == "required") {
      EXPECT_FALSE(line.commented) << key.path;
      continue;
    }
    if (key.default_value == "not set" || !line.commented) continue;
    // Taking the comment off a default changes nothing.
    const auto explicit_default = parse_config(line.uncommented_file, kExample);
    if (key.path == "train.local_epochs" || key.path == "train.local_steps") {
      EXPECT_EQ(line.value, key.default_value) << key.path;
    }
    ASSERT_TRUE(explicit_default.has_value()) << explicit_default.error().message;
    EXPECT_EQ(*explicit_default, *config)
        << key.path << " = " << line.value << ", default " << key.default_value;
  }
}

TEST(ConfigReadmeTest, HoldsTheTableOfKeys) {
  const std::string table = key_reference_markdown();
  EXPECT_THAT(contents(kSource / "README.md"), ::testing::HasSubstr(table))
      << "README.md must contain this table as it is:\n"
      << table;
}

}  // namespace
}  // namespace skiptrain::daemon
