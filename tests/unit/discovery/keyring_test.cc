#include "discovery/keyring.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "discovery/base64.h"
#include "tests/unit/discovery/discovery_testing.h"

namespace skiptrain::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string id_of(const Key& key) {
  return to_string(key.id());
}

TEST(Base64Test, GoesBothWaysForEveryLength) {
  std::vector<std::uint8_t> bytes;
  for (int size = 1; size < 70; ++size) {
    bytes.push_back(static_cast<std::uint8_t>(size * 37));
    const std::string text = to_base64(bytes);
    EXPECT_EQ(from_base64(text), bytes) << text;
  }
  const std::vector<std::uint8_t> foobar = {'f', 'o', 'o', 'b'};  // RFC 4648, section 10
  EXPECT_EQ(to_base64(foobar), "Zm9vYg==");
}

TEST(Base64Test, TakesOnlyTheOneRightSpelling) {
  for (const char* text : {"", "Zg", "Zg=", "Zh==", "Zg==\n", " Zg==", "Z===", "====", "Zm9v!mFy",
                           "Zg==Zg==", "Zm-_", "=Zg="}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

TEST(KeyTest, GeneratedKeysDifferAndComeBackFromTheirText) {
  const auto first = Key::generate();
  const auto second = Key::generate();
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(*first == *second);
  EXPECT_NE(first->id(), second->id());
  EXPECT_EQ(first->to_base64().size(), 44u);
  EXPECT_EQ(*Key::from_base64(first->to_base64()), *first);
  EXPECT_THAT(id_of(*first), ::testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_EQ(id_of(*first).size(), 8u);
}

TEST(KeyTest, AWrongKeyIsRefusedWithoutRepeatingIt) {
  const std::string secret = test_key().to_base64();
  const std::string short_key = to_base64(std::vector<std::uint8_t>(16, 'k'));
  for (const std::string& text : {secret.substr(1), secret + "x", short_key, std::string()}) {
    const auto key = Key::from_base64(text);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(key.error().message, HasSubstr("base64 of 32 bytes"));
    if (text.empty()) continue;
    EXPECT_THAT(key.error().message, Not(HasSubstr(text.substr(0, 12))));
  }
  EXPECT_THAT(Key::from_base64(short_key).error().message, HasSubstr("base64 of 16 bytes"));
}

TEST(KeyringTest, RotatesByInstallUseRemove) {
  Keyring keyring{KeySet(test_key('a'))};
  const std::string a = id_of(test_key('a'));
  const std::string b = id_of(test_key('b'));
  EXPECT_THAT(keyring.list(), ElementsAre(KeyInfo{a, true}));
  EXPECT_EQ(keyring.install(test_key('b').to_base64()), b);
  EXPECT_THAT(keyring.list(), ElementsAre(KeyInfo{a, true}, KeyInfo{b, false}));
  ASSERT_TRUE(keyring.use(b));
  EXPECT_THAT(keyring.list(), ElementsAre(KeyInfo{b, true}, KeyInfo{a, false}));
  ASSERT_TRUE(keyring.remove(a));
  EXPECT_THAT(keyring.list(), ElementsAre(KeyInfo{b, true}));
}

TEST(KeyringTest, InstallingAKeyTwiceChangesNothing) {
  int saves = 0;
  Keyring keyring(KeySet(test_key('a')), [&](const std::string&) {
    ++saves;
    return Status();
  });
  ASSERT_TRUE(keyring.install(test_key('b').to_base64()));
  ASSERT_TRUE(keyring.install(test_key('b').to_base64()));
  ASSERT_TRUE(keyring.install(test_key('a').to_base64()));
  EXPECT_EQ(keyring.list().size(), 2u);
  EXPECT_TRUE(keyring.list()[0].in_use);
  EXPECT_EQ(saves, 1);
}

TEST(KeyringTest, RefusesToRemoveTheKeyInUseAndKeysThatItDoesNotHave) {
  Keyring keyring{KeySet(test_key('a'))};
  const std::string a = id_of(test_key('a'));
  const Status in_use = keyring.remove(a);
  ASSERT_FALSE(in_use);
  EXPECT_EQ(in_use.error().code, ErrorCode::kPreconditionFailed);
  EXPECT_THAT(in_use.error().message, HasSubstr("use another one first"));
  const std::string secret = test_key('b').to_base64();  // in place of its id, by mistake
  for (const Status& unknown : {keyring.use(secret), keyring.remove(secret)}) {
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(unknown.error().message, HasSubstr(a));
    EXPECT_THAT(unknown.error().message, Not(HasSubstr(secret)));
  }
  EXPECT_EQ(keyring.list().size(), 1u);
}

TEST(KeyringTest, HoldsNoMoreThanItsLimit) {
  Keyring keyring{KeySet(test_key(0))};
  for (std::uint8_t i = 1; i < kMaxKeys; ++i) {
    EXPECT_TRUE(keyring.install(test_key(i).to_base64()));
  }
  const auto one_more = keyring.install(test_key(kMaxKeys).to_base64());
  ASSERT_FALSE(one_more);
  EXPECT_EQ(one_more.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(keyring.list().size(), kMaxKeys);
}

TEST(KeyringTest, AChangeThatCannotBeSavedIsNotMade) {
  bool disk_full = false;
  std::string saved;
  Keyring keyring(KeySet(test_key('a')), [&](const std::string& content) -> Status {
    if (disk_full) return fail(ErrorCode::kUnavailable, "no space left");
    saved = content;
    return {};
  });
  ASSERT_TRUE(keyring.install(test_key('b').to_base64()));
  disk_full = true;
  const Status used = keyring.use(id_of(test_key('b')));
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().message, "no space left");
  EXPECT_EQ(keyring.keys()->in_use(), test_key('a'));
  const auto restarted = KeySet::parse(saved, "keys");
  ASSERT_TRUE(restarted) << restarted.error().message;
  EXPECT_EQ(restarted->keys(), keyring.keys()->keys());
}

TEST(KeySetTest, ParseNamesTheLineThatIsWrong) {
  const std::string a = test_key('a').to_base64();
  const std::string b = test_key('b').to_base64();
  const std::string header = "skiptrain-keyring 1\n";
  const auto set = KeySet::parse("# of the lab\n\n" + header + " " + b + "\r\n" + a, "keys");
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->in_use(), test_key('b'));
  EXPECT_EQ(set->serialize(), header + b + "\n" + a + "\n");
  const std::pair<std::string, const char*> cases[] = {
      {"", "keys: has no key"},
      {header, "keys: has no key"},
      {a, "keys:1: must begin with \"skiptrain-keyring 1\""},
      {"skiptrain-keyring 2\n" + a, "keys:1: must begin with"},
      {header + a + "\nnonsense\n", "keys:3: a key must be base64"},
  };
  for (const auto& [text, expected] : cases) {
    const auto wrong = KeySet::parse(text, "keys");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(wrong.error().message, HasSubstr(expected));
  }
}

class KeyFileTest : public ::testing::Test {
 protected:
  KeyFileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "keyring-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  ~KeyFileTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& content, ::mode_t mode) const {
    const std::string path = (folder_ / "keys").string();
    std::ofstream(path) << content;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  std::filesystem::path folder_;
};

TEST_F(KeyFileTest, IsReadWhenItIsItsOwnersAlone) {
  const KeySet set(test_key('a'));
  for (const ::mode_t mode : {0600, 0400}) {
    const auto read = read_key_file(write(set.serialize(), mode));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->keys(), set.keys());
    std::filesystem::remove(folder_ / "keys");
  }
}

TEST_F(KeyFileTest, IsRefusedWhenOthersMayReadOrWriteIt) {
  for (const ::mode_t mode : {0640, 0604, 0620, 0602, 0610}) {
    const auto read = read_key_file(write(KeySet(test_key('a')).serialize(), mode));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::kPreconditionFailed);
    EXPECT_THAT(read.error().message, HasSubstr("chmod 600"));
  }
}

TEST_F(KeyFileTest, ErrorsNameTheFile) {
  const auto missing = read_key_file((folder_ / "none").string());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("/none"));
  const auto folder = read_key_file(folder_.string());
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().message, HasSubstr("regular file"));
  const auto huge = read_key_file(write(std::string(kMaxKeyFileBytes + 1, '\n'), 0600));
  ASSERT_FALSE(huge);
  EXPECT_THAT(huge.error().message, HasSubstr("longer than 4096"));
}

}  // namespace
}  // namespace skiptrain::discovery
