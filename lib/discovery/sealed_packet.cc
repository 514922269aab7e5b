#include "discovery/sealed_packet.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "wire/gossip_codec.h"

namespace skiptrain::discovery {
namespace {

constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kClusterHashBytes = 4;

constexpr std::size_t kVersionAt = 0;
constexpr std::size_t kKindAt = 1;
constexpr std::size_t kClusterAt = 2;
constexpr std::size_t kKeyAt = 6;
constexpr std::size_t kSenderAt = 10;
constexpr std::size_t kIncarnationAt = 18;
constexpr std::size_t kSequenceAt = 26;
constexpr std::size_t kPrefixAt = 34;
constexpr std::size_t kHeaderBytes = 42;
static_assert(kHeaderBytes + kTagBytes == kEnvelopeOverheadBytes);

using Digest = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;

unsigned char* bytes_of(std::string& text, std::size_t at = 0) {
  return reinterpret_cast<unsigned char*>(text.data()) + at;
}
const unsigned char* bytes_of(std::string_view text, std::size_t at = 0) {
  return reinterpret_cast<const unsigned char*>(text.data()) + at;
}

std::uint64_t get_u64(std::string_view text, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | bytes_of(text, at)[i];
  return value;
}

void put_u64(std::string& text, std::size_t at, std::uint64_t value) {
  for (std::size_t i = 8; i-- > 0; value >>= 8) text[at + i] = static_cast<char>(value & 0xffu);
}

Digest sha256(const std::string& text) {
  Digest digest;
  SHA256(bytes_of(text), text.size(), digest.data());
  return digest;
}

std::string cluster_hash(const std::string& cluster_id) {
  const Digest digest = sha256("skiptrain cluster " + cluster_id);
  return std::string(digest.begin(), digest.begin() + kClusterHashBytes);
}

std::array<std::uint8_t, kNonceBytes> nonce_of(std::string_view envelope) {
  std::array<std::uint8_t, kNonceBytes> nonce;
  std::copy_n(bytes_of(envelope, kPrefixAt), 8, nonce.begin());
  std::copy_n(bytes_of(envelope, kSequenceAt + 4), 4, nonce.begin() + 8);
  return nonce;
}

// The purpose of two numbers in one type is told by name.
std::string size_text(std::size_t size, const char* relation, std::size_t limit) {
  return std::to_string(size) + " bytes, " + relation + " " + std::to_string(limit);
}

}  // namespace

namespace internal {

class Gcm {
 public:
  Gcm()
      : cipher_(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)), context_(EVP_CIPHER_CTX_new()) {
    SKIPTRAIN_CHECK(cipher_ != nullptr && context_ != nullptr, "OpenSSL has AES-256-GCM");
  }
  ~Gcm() {
    EVP_CIPHER_CTX_free(context_);
    EVP_CIPHER_free(cipher_);
  }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;

  // Both work on an envelope whose header is complete; false on any error of OpenSSL, which for
  // `decrypt` means above all that the tag is wrong.
  bool encrypt(const Key& key, const std::string& cluster_id, std::string_view plain,
               std::string& envelope) {
    const auto nonce = nonce_of(envelope);
    int size = 0;
    return begin(key, nonce.data(), 1) && authenticate(envelope, cluster_id) &&
           EVP_EncryptUpdate(context_, bytes_of(envelope, kHeaderBytes), &size, bytes_of(plain),
                             static_cast<int>(plain.size())) == 1 &&
           EVP_EncryptFinal_ex(context_, bytes_of(envelope, kHeaderBytes + plain.size()), &size) ==
               1 &&
           EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                               bytes_of(envelope, kHeaderBytes + plain.size())) == 1;
  }

  bool decrypt(const Key& key, const std::string& cluster_id, std::string_view envelope,
               std::string& plain) {
    const auto nonce = nonce_of(envelope);
    plain.resize(envelope.size() - kEnvelopeOverheadBytes);
    std::array<unsigned char, kTagBytes> tag;
    std::copy_n(bytes_of(envelope, kHeaderBytes + plain.size()), kTagBytes, tag.begin());
    int size = 0;
    unsigned char nothing[kTagBytes];
    return begin(key, nonce.data(), 0) && authenticate(envelope, cluster_id) &&
           EVP_DecryptUpdate(context_, bytes_of(plain), &size, bytes_of(envelope, kHeaderBytes),
                             static_cast<int>(plain.size())) == 1 &&
           EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
           EVP_DecryptFinal_ex(context_, nothing, &size) == 1;
  }

 private:
  // A key that the context has already need not be expanded again.
  bool begin(const Key& key, const unsigned char* nonce, int encrypt) {
    const bool same = key_ && *key_ == key;
    if (!same) key_.reset();
    const bool begun = EVP_CipherInit_ex(context_, same ? nullptr : cipher_, nullptr,
                                         same ? nullptr : key.bytes().data(), nonce, encrypt) == 1;
    if (begun && !same) key_.emplace(key);
    return begun;
  }

  bool authenticate(std::string_view envelope, const std::string& cluster_id) {
    int size = 0;
    return EVP_CipherUpdate(context_, nullptr, &size, bytes_of(envelope), kHeaderBytes) == 1 &&
           EVP_CipherUpdate(context_, nullptr, &size, bytes_of(cluster_id),
                            static_cast<int>(cluster_id.size())) == 1;
  }

  EVP_CIPHER* const cipher_;
  EVP_CIPHER_CTX* const context_;
  std::optional<Key> key_;
};

}  // namespace internal

std::size_t max_envelope_bytes(EnvelopeKind kind) {
  switch (kind) {
    case EnvelopeKind::kPacket:
    case EnvelopeKind::kAnnouncement:
      return core::kMaxGossipPacketBytes;
    case EnvelopeKind::kCall:
      return wire::kMaxReliableGossipBytes + kEnvelopeOverheadBytes;
  }
  return 0;
}

const char* to_string(DropReason reason) {
  switch (reason) {
    case DropReason::kTruncated:
      return "truncated";
    case DropReason::kTooLarge:
      return "too-large";
    case DropReason::kWrongVersion:
      return "wrong-version";
    case DropReason::kOtherCluster:
      return "other-cluster";
    case DropReason::kUnknownKey:
      return "unknown-key";
    case DropReason::kForged:
      return "forged";
    case DropReason::kOwn:
      return "own";
    case DropReason::kReplayed:
      return "replayed";
    case DropReason::kEarlierStart:
      return "earlier-start";
    case DropReason::kMalformed:
      return "malformed";
  }
  return "unknown";
}

Sealer::Sealer(EnvelopeKind kind, const Identity& identity, std::shared_ptr<const Keyring> keyring,
               std::uint64_t first_sequence)
    : kind_(kind),
      cluster_hash_(cluster_hash(identity.cluster_id)),
      keyring_(std::move(keyring)),
      identity_(identity),
      gcm_(std::make_unique<internal::Gcm>()),
      sequence_(first_sequence) {}

Sealer::~Sealer() = default;

Status Sealer::draw_prefix() {
  std::string input(16, '\0');
  if (RAND_bytes(bytes_of(input), static_cast<int>(input.size())) != 1) {
    return fail(ErrorCode::kInternal, "the system gives no random bytes for a nonce");
  }
  for (const std::uint64_t part :
       {identity_.node.value(), identity_.incarnation.value(), sequence_}) {
    input.resize(input.size() + 8);
    put_u64(input, input.size() - 8, part);
  }
  input += static_cast<char>(kind_);
  std::copy_n(sha256(input).begin(), prefix_.size(), prefix_.begin());
  prefix_drawn_ = true;
  return {};
}

Result<std::string> Sealer::seal(std::string_view plain) {
  const std::size_t size = kEnvelopeOverheadBytes + plain.size();
  if (size > max_envelope_bytes(kind_)) {
    return fail(
        ErrorCode::kResourceExhausted,
        "a message to be sealed has " +
            size_text(plain.size(), "at most", max_envelope_bytes(kind_) - kEnvelopeOverheadBytes) +
            " fit its envelope");
  }
  const auto keys = keyring_->keys();
  const Key& key = keys->in_use();
  std::string envelope(size, '\0');
  envelope[kVersionAt] = static_cast<char>(kEnvelopeVersion);
  envelope[kKindAt] = static_cast<char>(kind_);
  envelope.replace(kClusterAt, kClusterHashBytes, cluster_hash_);
  std::copy(key.id().begin(), key.id().end(), bytes_of(envelope, kKeyAt));

  const std::lock_guard lock(mutex_);
  put_u64(envelope, kSenderAt, identity_.node.value());
  put_u64(envelope, kIncarnationAt, identity_.incarnation.value());
  if (!prefix_drawn_ || (sequence_ & 0xffffffffu) == 0) {
    if (const Status ok = draw_prefix(); !ok) return tl::unexpected(ok.error());
  }
  put_u64(envelope, kSequenceAt, sequence_);
  std::copy(prefix_.begin(), prefix_.end(), bytes_of(envelope, kPrefixAt));
  // Used up whether or not what follows succeeds.
  ++sequence_;
  if (!gcm_->encrypt(key, identity_.cluster_id, plain, envelope)) {
    return fail(ErrorCode::kInternal, "OpenSSL failed to encrypt a message");
  }
  return envelope;
}

void Sealer::restart_as(Incarnation incarnation) {
  const std::lock_guard lock(mutex_);
  identity_.incarnation = incarnation;
  sequence_ = 0;
  prefix_drawn_ = false;
}

Opener::Opener(EnvelopeKind kind, const Identity& identity, std::shared_ptr<const Keyring> keyring,
               std::size_t max_senders)
    : kind_(kind),
      identity_(identity),
      cluster_hash_(cluster_hash(identity.cluster_id)),
      keyring_(std::move(keyring)),
      gcm_(std::make_unique<internal::Gcm>()),
      replays_(max_senders) {}

Opener::~Opener() = default;

tl::expected<Opened, Drop> Opener::open(std::string_view envelope) {
  const auto drop = [](DropReason reason, std::string detail) {
    return tl::unexpected<Drop>(Drop{reason, std::move(detail)});
  };
  if (envelope.size() < kEnvelopeOverheadBytes) {
    return drop(DropReason::kTruncated,
                size_text(envelope.size(), "an envelope has at least", kEnvelopeOverheadBytes));
  }
  if (envelope.size() > max_envelope_bytes(kind_)) {
    return drop(DropReason::kTooLarge,
                size_text(envelope.size(), "at most", max_envelope_bytes(kind_)) + " are allowed");
  }
  const unsigned version = *bytes_of(envelope, kVersionAt);
  if (version != kEnvelopeVersion) {
    return drop(DropReason::kWrongVersion, "version " + std::to_string(version) +
                                               ", this node has " +
                                               std::to_string(kEnvelopeVersion));
  }
  if (envelope.substr(kClusterAt, kClusterHashBytes) != cluster_hash_) {
    return drop(DropReason::kOtherCluster, "sealed for a cluster with another id");
  }
  KeyId key_id;
  std::copy_n(bytes_of(envelope, kKeyAt), key_id.size(), key_id.begin());
  const auto keys = keyring_->keys();
  const Key* key = keys->find(key_id);
  if (key == nullptr) {
    return drop(DropReason::kUnknownKey,
                "sealed with key " + to_string(key_id) + ", which is not in the keyring");
  }
  Opened opened;
  opened.sender = NodeId(get_u64(envelope, kSenderAt));
  opened.incarnation = Incarnation(get_u64(envelope, kIncarnationAt));
  const std::string who = "in the name of node " + skiptrain::to_string(opened.sender);

  const std::lock_guard lock(mutex_);
  if (!gcm_->decrypt(*key, identity_.cluster_id, envelope, opened.plain)) {
    return drop(DropReason::kForged, "not authentic, " + who);
  }
  const unsigned kind = *bytes_of(envelope, kKindAt);
  if (kind != static_cast<unsigned>(kind_)) {
    return drop(DropReason::kMalformed,
                "an envelope of kind " + std::to_string(kind) + " where kind " +
                    std::to_string(static_cast<unsigned>(kind_)) + " belongs, " + who);
  }
  if (opened.sender == identity_.node) {
    return drop(DropReason::kOwn, who + ", which is this node's own id");
  }
  switch (replays_.accept(opened.sender, opened.incarnation, get_u64(envelope, kSequenceAt))) {
    case Freshness::kNew:
      return opened;
    case Freshness::kSeen:
      break;
    case Freshness::kEarlierStart:
      return tl::unexpected(Drop{DropReason::kEarlierStart,
                                 "from before a start that is known, " + who, opened.sender});
  }
  return drop(DropReason::kReplayed, "seen before or too old, " + who);
}

void Opener::raise_floor(NodeId sender, Incarnation incarnation) {
  const std::lock_guard lock(mutex_);
  replays_.raise_floor(sender, incarnation);
}

}  // namespace skiptrain::discovery
