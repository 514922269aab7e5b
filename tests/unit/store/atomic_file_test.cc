#include "store/atomic_file.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace skiptrain::store {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public ::testing::Test {
 protected:
  AtomicFileTest() {
    std::string pattern = (fs::temp_directory_path() / "atomic-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~AtomicFileTest() override { fs::remove_all(folder_); }

  void put(const std::string& name) const { std::ofstream(folder_ / name) << "old"; }
  bool has(const std::string& name) const { return fs::exists(folder_ / name); }
  // The id of a process that has ended.
  static std::string ended_process() {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    return std::to_string(child);
  }

  fs::path folder_;
};

TEST_F(AtomicFileTest, ReplacesTheContentAndLeavesNothingElse) {
  put("keys");
  ASSERT_TRUE(replace_file((folder_ / "keys").string(), "new"));
  std::stringstream content;
  content << std::ifstream(folder_ / "keys").rdbuf();
  EXPECT_EQ(content.str(), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(AtomicFileTest, SaysWhatIsMissingWhereNoFileCanBeMade) {
  const auto written = replace_file((folder_ / "none" / "keys").string(), "new");
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("cannot be made beside it"), std::string::npos)
      << written.error().message;
}

TEST_F(AtomicFileTest, LeftoversOfProcessesThatAreGoneAreDeleted) {
  const std::string gone = "keys.tmp." + ended_process() + "-1";
  const std::string earlier_start = "keys.tmp." + std::to_string(getpid()) + "-7";
  const std::string at_work = "keys.tmp." + std::to_string(getppid()) + "-1";
  for (const std::string& name :
       {gone, earlier_start, at_work, std::string("keys"), std::string("others.tmp.1-1")}) {
    put(name);
  }
  delete_leftovers((folder_ / "keys").string());
  EXPECT_FALSE(has(gone));
  EXPECT_FALSE(has(earlier_start));
  EXPECT_TRUE(has(at_work)) << "that process may be about to rename it";
  EXPECT_TRUE(has("keys"));
  EXPECT_TRUE(has("others.tmp.1-1"));
}

}  // namespace
}  // namespace skiptrain::store
