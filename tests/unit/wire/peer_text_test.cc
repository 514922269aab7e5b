#include "wire/peer_text.h"

#include <string>

#include <gtest/gtest.h>

#include "wire/utf8.h"

namespace skiptrain::wire {
namespace {

TEST(PeerTextTest, LeavesPlainWordsAsTheyAre) {
  EXPECT_EQ(peer_text("connection refused: größer"), "connection refused: größer");
}

TEST(PeerTextTest, TakesAwayWhatMovesACursorOrBreaksAMessage) {
  for (const std::string hostile : {"a\x1b[2Jb", "a\nb", "a\xff\xfe b", "a\xc3", "a\u202e b"}) {
    const std::string text = peer_text(hostile);
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    EXPECT_TRUE(is_plain_text(text)) << text;
    EXPECT_TRUE(text.starts_with('a')) << text;
  }
}

TEST(PeerTextTest, IsBounded) {
  EXPECT_LT(peer_text(std::string(1 << 20, 'x')).size(), 4096u);
  EXPECT_EQ(printable("xxüü", 5), "xxü") << "cut between characters";
}

}  // namespace
}  // namespace skiptrain::wire
