#include "discovery/sealed_packet.h"

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/unit/discovery/discovery_testing.h"
#include "wire/gossip_codec.h"

namespace skiptrain::discovery {
namespace {

using ::testing::HasSubstr;

constexpr EnvelopeKind kPacket = EnvelopeKind::kPacket;

// Offsets of sealed_packet.h.
constexpr std::size_t kClusterAt = 2;
constexpr std::size_t kKeyAt = 6;
constexpr std::size_t kSenderAt = 10;
constexpr std::size_t kSequenceAt = 26;
constexpr std::size_t kPrefixAt = 34;
constexpr std::size_t kMessageAt = 42;

std::string sealed(Sealer& sealer, std::string_view plain = "hello") {
  auto envelope = sealer.seal(plain);
  EXPECT_TRUE(envelope) << envelope.error().message;
  return envelope ? *envelope : std::string();
}

// "accepted", or why it was dropped.
std::string verdict(Opener& opener, std::string_view envelope) {
  const auto opened = opener.open(envelope);
  return opened ? "accepted" : to_string(opened.error().reason);
}

// Offsets 34 to 41 and the sequence's lower half: what OpenSSL is given as the nonce.
std::string nonce_of(const std::string& envelope) {
  return envelope.substr(kPrefixAt, 8) + envelope.substr(kSequenceAt + 4, 4);
}

class SealedPacketTest : public ::testing::Test {
 protected:
  const std::shared_ptr<Keyring> keyring_ = test_keyring();
  Sealer sealer_{kPacket, test_identity(1, 5), keyring_};
  Opener opener_{kPacket, test_identity(2), keyring_};
};

TEST_F(SealedPacketTest, OpensWhatWasSealedAndNamesTheSender) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, core::kMaxGossipPlainBytes}) {
    const std::string plain(size, 'p');
    const std::string envelope = sealed(sealer_, plain);
    EXPECT_EQ(envelope.size(), size + kEnvelopeOverheadBytes);
    EXPECT_LE(envelope.size(), core::kMaxGossipPacketBytes);
    const auto opened = opener_.open(envelope);
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_EQ(opened->plain, plain);
    EXPECT_EQ(opened->sender, NodeId(1));
    EXPECT_EQ(opened->incarnation, Incarnation(5));
  }
}

TEST_F(SealedPacketTest, NeitherTheMessageNorTheClusterNorTheKeyCanBeRead) {
  const std::string plain = "who is there is nobody's business";
  const std::string envelope = sealed(sealer_, plain);
  EXPECT_EQ(envelope.find(plain.substr(0, 8)), std::string::npos);
  EXPECT_EQ(envelope.find("lab"), std::string::npos);
  EXPECT_EQ(envelope.find("kkkk"), std::string::npos);
  // Nor that two are the same.
  EXPECT_NE(envelope.substr(kMessageAt), sealed(sealer_, plain).substr(kMessageAt));
}

TEST_F(SealedPacketTest, EachReasonToDropIsToldApart) {
  const std::string good = sealed(sealer_);
  for (std::size_t size = 0; size < kEnvelopeOverheadBytes; ++size) {
    EXPECT_EQ(verdict(opener_, std::string(good, 0, size)), "truncated");
  }
  EXPECT_EQ(verdict(opener_, good.substr(0, good.size() - 1)), "forged");
  EXPECT_EQ(verdict(opener_, good + "x"), "forged");
  EXPECT_EQ(verdict(opener_, std::string(core::kMaxGossipPacketBytes + 1, '\1')), "too-large");
  std::string later = good;
  later[0] = 2;
  EXPECT_EQ(verdict(opener_, later), "wrong-version");

  Sealer other_cluster(kPacket, test_identity(1, 5, "barn"), keyring_);
  EXPECT_EQ(verdict(opener_, sealed(other_cluster)), "other-cluster");
  Sealer other_key(kPacket, test_identity(1, 5), test_keyring('x'));
  EXPECT_EQ(verdict(opener_, sealed(other_key)), "unknown-key");
  Sealer own(kPacket, test_identity(2, 5), keyring_);
  EXPECT_EQ(verdict(opener_, sealed(own)), "own");
  Sealer call(EnvelopeKind::kCall, test_identity(1, 5), keyring_);
  EXPECT_EQ(verdict(opener_, sealed(call)), "malformed");

  EXPECT_EQ(verdict(opener_, good), "accepted");
  EXPECT_EQ(verdict(opener_, good), "replayed");
}

// The hash of four bytes only sorts; what counts is the id itself, which is authenticated.
TEST_F(SealedPacketTest, AClusterWithTheSameHashIsStillAnotherOne) {
  const char* const first = "cluster-18295";
  const char* const second = "cluster-116289";  // found by trying; the hashes are the same
  Sealer sealer(kPacket, test_identity(1, 5, first), keyring_);
  Opener same(kPacket, test_identity(2, 1, first), keyring_);
  Opener other(kPacket, test_identity(2, 1, second), keyring_);
  const std::string envelope = sealed(sealer);
  EXPECT_EQ(verdict(other, envelope), "forged");  // and not "other-cluster"
  EXPECT_EQ(verdict(same, envelope), "accepted");
}

TEST_F(SealedPacketTest, NoByteCanBeChangedUnnoticed) {
  const std::string good = sealed(sealer_);
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = good;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      const std::string why = verdict(opener_, changed);
      const std::string expected = at == 0           ? "wrong-version"
                                   : at < kClusterAt ? "forged"
                                   : at < kKeyAt     ? "other-cluster"
                                   : at < kSenderAt  ? "unknown-key"
                                                     : "forged";
      EXPECT_EQ(why, expected) << "byte " << at << ", bit " << bit;
    }
  }
  EXPECT_EQ(verdict(opener_, good), "accepted");
}

std::string mutated(const std::vector<std::string>& originals, Rng& rng) {
  std::string bytes = originals[rng.below(originals.size())];
  for (std::uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
    const std::size_t at = rng.below(bytes.size() + 1);
    switch (rng.below(5)) {
      case 0:
        if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
        break;
      case 1:
        bytes.insert(at, 1, static_cast<char>(rng.next()));
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3: {  // the beginning of this one, the end of another
        const std::string& other = originals[rng.below(originals.size())];
        bytes.resize(std::min(at, other.size()));
        bytes += other.substr(bytes.size());
        break;
      }
      default:
        if (at + 8 <= bytes.size()) {
          for (std::size_t i = at; i < at + 8; ++i) bytes[i] = static_cast<char>(rng.next());
        }
    }
  }
  return bytes;
}

TEST_F(SealedPacketTest, OfTwentyThousandMutationsNoneIsAccepted) {
  Rng rng(11);
  std::vector<std::string> originals;
  for (int i = 0; i < 50; ++i) {
    std::string plain(rng.below(200), '\0');
    for (char& c : plain) c = static_cast<char>(rng.next());
    originals.push_back(sealed(sealer_, plain));
  }
  const std::set<std::string> valid(originals.begin(), originals.end());
  std::map<std::string, int> reasons;
  for (int tried = 0; tried < 20'000;) {
    const std::string bytes = mutated(originals, rng);
    if (valid.count(bytes) > 0) continue;
    ++tried;
    ++reasons[verdict(opener_, bytes)];
  }
  EXPECT_EQ(reasons["accepted"], 0);
  // Since authenticity comes first, none got as far as the replay window.
  EXPECT_EQ(reasons["replayed"], 0);
  for (const char* each :
       {"truncated", "wrong-version", "other-cluster", "unknown-key", "forged"}) {
    EXPECT_GT(reasons[each], 100) << each;
  }
  for (const std::string& original : originals) EXPECT_EQ(verdict(opener_, original), "accepted");
}

TEST_F(SealedPacketTest, TooLargeAMessageIsNotSealed) {
  const auto packet = sealer_.seal(std::string(core::kMaxGossipPacketBytes, 'p'));
  ASSERT_FALSE(packet);
  EXPECT_EQ(packet.error().code, ErrorCode::kResourceExhausted);
  Sealer calls(EnvelopeKind::kCall, test_identity(1), keyring_);
  EXPECT_TRUE(calls.seal(std::string(wire::kMaxReliableGossipBytes, 'c')));
  EXPECT_FALSE(calls.seal(std::string(wire::kMaxReliableGossipBytes + 1, 'c')));
}

TEST_F(SealedPacketTest, NoNonceRepeatsAcrossKindsNodesAndRestarts) {
  std::set<std::string> nonces;
  std::size_t count = 0;
  for (const auto kind : {kPacket, EnvelopeKind::kCall, EnvelopeKind::kAnnouncement}) {
    for (std::uint64_t node = 1; node <= 3; ++node) {
      // The same incarnation twice: a state folder that was lost must not cost the key.
      for (const std::uint64_t incarnation : {1, 1, 2}) {
        Sealer sealer(kind, test_identity(node, incarnation), keyring_);
        for (int i = 0; i < 1000; ++i, ++count) nonces.insert(nonce_of(sealed(sealer, "")));
      }
    }
  }
  EXPECT_EQ(count, 27'000u);
  EXPECT_EQ(nonces.size(), count);
}

TEST_F(SealedPacketTest, ANewPrefixIsDrawnBeforeTheCounterInTheNonceBeginsAnew) {
  const std::uint64_t before_wrap = 0xffffffff - 9;
  Sealer sealer(kPacket, test_identity(1, 5), keyring_, before_wrap);
  std::set<std::string> nonces;
  std::set<std::string> prefixes;
  for (int i = 0; i < 20; ++i) {
    const std::string envelope = sealed(sealer);
    nonces.insert(nonce_of(envelope));
    prefixes.insert(envelope.substr(kPrefixAt, 8));
    EXPECT_EQ(verdict(opener_, envelope), "accepted");
  }
  EXPECT_EQ(nonces.size(), 20u);
  EXPECT_EQ(prefixes.size(), 2u);
}

TEST_F(SealedPacketTest, ThreadsThatSealTogetherUseDifferentNonces) {
  std::vector<std::vector<std::string>> envelopes(4);
  std::vector<std::thread> threads;
  for (auto& mine : envelopes) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) mine.push_back(sealed(sealer_));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> nonces;
  for (const auto& mine : envelopes) {
    for (const std::string& envelope : mine) nonces.insert(nonce_of(envelope));
  }
  EXPECT_EQ(nonces.size(), 2000u);
}

TEST_F(SealedPacketTest, ASenderThatRestartedIsAcceptedAndItsPastIsNot) {
  const std::string recorded = sealed(sealer_);
  EXPECT_EQ(verdict(opener_, sealed(sealer_)), "accepted");
  Sealer restarted(kPacket, test_identity(1, 6), keyring_);
  EXPECT_EQ(verdict(opener_, sealed(restarted)), "accepted");
  // Never seen by this receiver, and yet too late.
  EXPECT_EQ(verdict(opener_, recorded), "earlier-start");
}

TEST_F(SealedPacketTest, AReceiverThatRestartedAcceptsAtOnceAndRefusesWhatIsBelowTheFloor) {
  const std::string recorded = sealed(sealer_);
  EXPECT_EQ(verdict(opener_, recorded), "accepted");
  Sealer newest(kPacket, test_identity(1, 9), keyring_);
  Opener restarted(kPacket, test_identity(2, 2), keyring_);
  restarted.raise_floor(NodeId(1), Incarnation(9));
  EXPECT_EQ(verdict(restarted, recorded), "earlier-start");
  EXPECT_EQ(verdict(restarted, sealed(newest)), "accepted");
}

TEST_F(SealedPacketTest, EverySealedWithAnInstalledKeyIsOpenedWhicheverIsInUse) {
  const auto theirs = test_keyring('k');
  ASSERT_TRUE(theirs->install(test_key('m').to_base64()));
  Opener opener(kPacket, test_identity(2), theirs);
  EXPECT_EQ(verdict(opener, sealed(sealer_)), "accepted");
  ASSERT_TRUE(keyring_->install(test_key('m').to_base64()));
  ASSERT_TRUE(keyring_->use(to_string(test_key('m').id())));
  EXPECT_EQ(verdict(opener, sealed(sealer_)), "accepted");
  ASSERT_TRUE(theirs->use(to_string(test_key('m').id())));
  ASSERT_TRUE(theirs->remove(to_string(test_key('k').id())));
  EXPECT_EQ(verdict(opener, sealed(sealer_)), "accepted");
  ASSERT_TRUE(keyring_->use(to_string(test_key('k').id())));
  EXPECT_EQ(verdict(opener, sealed(sealer_)), "unknown-key");
}

TEST_F(SealedPacketTest, ThousandsOfSendersTakeBoundedMemory) {
  Opener small(kPacket, test_identity(2), keyring_, 8);
  std::vector<std::string> first;
  for (std::uint64_t node = 100; node < 120; ++node) {
    Sealer sealer(kPacket, test_identity(node), keyring_);
    const std::string envelope = sealed(sealer);
    EXPECT_EQ(verdict(small, envelope), "accepted");
    // Who was heard lately is still known.
    EXPECT_EQ(verdict(small, envelope), "replayed");
  }
}

}  // namespace
}  // namespace skiptrain::discovery
