// The keys of a cluster: one seals what this node sends, all of them open what it receives. So a
// key is changed without a packet lost: install the new one on all nodes, then use it on all, then
// remove the old one from all.
//
// KeySet is a plain value; Keyring holds the newest one, which nobody changes any more, so that
// what is being sealed or opened is not disturbed by a change. Keyring is thread-safe. A key itself
// is never shown or logged, only its id. Saving the keyring is the caller's: it hands in a
// function, and a change that cannot be saved is not made.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace skiptrain::discovery {

inline constexpr std::size_t kKeyBytes = 32;  // AES-256
inline constexpr std::size_t kMaxKeys = 8;
inline constexpr std::size_t kMaxKeyFileBytes = 4096;

// The first bytes of a hash of the key: tells which key sealed a packet, and nothing about it.
using KeyId = std::array<std::uint8_t, 4>;
std::string to_string(const KeyId& id);  // eight hexadecimal digits

// 32 secret bytes, wiped from memory when they are no longer needed.
class Key {
 public:
  // From the system's source of randomness. kInternal if that fails.
  static Result<Key> generate();
  // kInvalidArgument if the text is not base64 of 32 bytes; the text is not repeated in the error.
  static Result<Key> from_base64(std::string_view text);
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();

  const KeyId& id() const { return id_; }
  const std::array<std::uint8_t, kKeyBytes>& bytes() const { return bytes_; }
  std::string to_base64() const;
  bool operator==(const Key& other) const { return bytes_ == other.bytes_; }

 private:
  explicit Key(const std::array<std::uint8_t, kKeyBytes>& bytes);
  std::array<std::uint8_t, kKeyBytes> bytes_;
  KeyId id_;
};

class KeySet {
 public:
  // `key` is in use.
  explicit KeySet(Key key) : keys_({std::move(key)}) {}

  // The format of a key file: "skiptrain-keyring 1", then one key per line in base64, first the one
  // in use. Empty lines and those that begin with '#' are skipped. `origin` names the file in
  // errors, which are kInvalidArgument.
  static Result<KeySet> parse(std::string_view text, const std::string& origin);
  std::string serialize() const;

  const Key& in_use() const { return keys_.front(); }
  const std::vector<Key>& keys() const { return keys_; }  // first the one in use
  const Key* find(const KeyId& id) const;

  // Adds a key, not yet used to seal. A key that is there already is no error. kResourceExhausted
  // beyond kMaxKeys.
  Status install(const Key& key);
  // By id, as to_string(KeyId) writes it. kNotFound with the ids there are; for `remove`
  // kPreconditionFailed if it is the key in use.
  Status use(std::string_view id);
  Status remove(std::string_view id);

 private:
  KeySet() = default;
  Result<std::size_t> index_of(std::string_view id) const;

  std::vector<Key> keys_;
};

struct KeyInfo {
  std::string id;
  bool in_use = false;
  bool operator==(const KeyInfo&) const = default;
};

class Keyring {
 public:
  // Makes the serialized keys durable (mode 0600). Called with the keyring's lock held.
  using Save = std::function<Status(const std::string& content)>;

  explicit Keyring(KeySet keys, Save save = nullptr);

  std::shared_ptr<const KeySet> keys() const;
  std::vector<KeyInfo> list() const;

  // As KeySet's, from base64; and the error of Save, with nothing changed. `install` gives the id.
  Result<std::string> install(std::string_view base64);
  Status use(std::string_view id);
  Status remove(std::string_view id);

 private:
  Status change(const std::function<Status(KeySet&)>& edit);

  const Save save_;
  mutable std::mutex mutex_;
  std::shared_ptr<const KeySet> keys_;
};

// Reads a key file. kNotFound if there is none; kPreconditionFailed if others than its owner may
// read or write it; kInvalidArgument for its content.
Result<KeySet> read_key_file(const std::string& path);

}  // namespace skiptrain::discovery
