#include "discovery/keyring.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "discovery/base64.h"

namespace skiptrain::discovery {
namespace {

constexpr std::string_view kHeader = "skiptrain-keyring 1";

KeyId id_of(const std::array<std::uint8_t, kKeyBytes>& key) {
  constexpr std::string_view kPurpose = "skiptrain key id";
  std::array<std::uint8_t, kPurpose.size() + kKeyBytes> input;
  std::copy(kPurpose.begin(), kPurpose.end(), input.begin());
  std::copy(key.begin(), key.end(), input.begin() + kPurpose.size());
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(input.data(), input.size(), digest.data());
  OPENSSL_cleanse(input.data(), input.size());
  KeyId id;
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

std::string_view trimmed(std::string_view line) {
  const auto first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace

std::string to_string(const KeyId& id) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : id) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Key::Key(const std::array<std::uint8_t, kKeyBytes>& bytes) : bytes_(bytes), id_(id_of(bytes)) {}

Key::~Key() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

Result<Key> Key::generate() {
  std::array<std::uint8_t, kKeyBytes> bytes;
  if (RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return fail(ErrorCode::kInternal, "the system gives no random bytes for a key");
  }
  Key key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

Result<Key> Key::from_base64(std::string_view text) {
  auto decoded = discovery::from_base64(text);
  if (!decoded) {
    return fail(ErrorCode::kInvalidArgument,
                "a key must be base64 of 32 bytes, 44 characters; "
                "this is not base64");
  }
  if (decoded->size() != kKeyBytes) {
    return fail(ErrorCode::kInvalidArgument,
                "a key must be base64 of 32 bytes, 44 characters; "
                "this is base64 of " +
                    std::to_string(decoded->size()) + " bytes");
  }
  std::array<std::uint8_t, kKeyBytes> bytes;
  std::copy(decoded->begin(), decoded->end(), bytes.begin());
  OPENSSL_cleanse(decoded->data(), decoded->size());
  Key key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

std::string Key::to_base64() const {
  return discovery::to_base64(bytes_);
}

Result<KeySet> KeySet::parse(std::string_view text, const std::string& origin) {
  KeySet set;
  bool header = false;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const std::string where = origin + ":" + std::to_string(number) + ": ";
    if (!header) {
      if (line != kHeader) {
        return fail(ErrorCode::kInvalidArgument,
                    where + "must begin with \"" + std::string(kHeader) + "\"");
      }
      header = true;
      continue;
    }
    auto key = Key::from_base64(line);
    if (!key) return fail(key.error().code, where + key.error().message);
    if (const Status ok = set.install(*key); !ok) {
      return fail(ErrorCode::kInvalidArgument, where + ok.error().message);
    }
  }
  if (set.keys_.empty()) {
    return fail(ErrorCode::kInvalidArgument, origin + ": has no key; must be \"" +
                                                 std::string(kHeader) +
                                                 "\" and a key in base64 on the next line");
  }
  return set;
}

std::string KeySet::serialize() const {
  std::string text(kHeader);
  text += '\n';
  for (const Key& key : keys_) text += key.to_base64() + '\n';
  return text;
}

const Key* KeySet::find(const KeyId& id) const {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [&](const Key& key) { return key.id() == id; });
  return found == keys_.end() ? nullptr : &*found;
}

Status KeySet::install(const Key& key) {
  if (const Key* same = find(key.id())) {
    if (*same == key) return {};
    return fail(ErrorCode::kPreconditionFailed,
                "another key has the id " + to_string(key.id()) + " already; generate a new one");
  }
  if (keys_.size() >= kMaxKeys) {
    return fail(ErrorCode::kResourceExhausted, "the keyring holds " + std::to_string(kMaxKeys) +
                                                   " keys, the most it may; remove old ones");
  }
  keys_.push_back(key);
  return {};
}

Result<std::size_t> KeySet::index_of(std::string_view id) const {
  std::string known;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const std::string each = to_string(keys_[i].id());
    if (each == id) return i;
    known += (i == 0 ? "" : ", ") + each;
  }
  // What was given may be the key itself, by mistake: not repeated.
  return fail(ErrorCode::kNotFound, "no key with this id; the keyring has " + known);
}

Status KeySet::use(std::string_view id) {
  const auto index = index_of(id);
  if (!index) return tl::unexpected(index.error());
  std::rotate(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(*index),
              keys_.begin() + static_cast<std::ptrdiff_t>(*index) + 1);
  return {};
}

Status KeySet::remove(std::string_view id) {
  const auto index = index_of(id);
  if (!index) return tl::unexpected(index.error());
  if (*index == 0) {
    return fail(ErrorCode::kPreconditionFailed,
                "key " + std::string(id) + " is in use; use another one first, on all nodes");
  }
  keys_.erase(keys_.begin() + static_cast<std::ptrdiff_t>(*index));
  return {};
}

Keyring::Keyring(KeySet keys, Save save)
    : save_(std::move(save)), keys_(std::make_shared<const KeySet>(std::move(keys))) {}

std::shared_ptr<const KeySet> Keyring::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

std::vector<KeyInfo> Keyring::list() const {
  const auto set = keys();
  std::vector<KeyInfo> result;
  for (const Key& key : set->keys()) {
    result.push_back({to_string(key.id()), key.id() == set->in_use().id()});
  }
  return result;
}

Status Keyring::change(const std::function<Status(KeySet&)>& edit) {
  const std::lock_guard lock(mutex_);
  KeySet changed = *keys_;
  if (Status ok = edit(changed); !ok) return ok;
  if (changed.keys() == keys_->keys()) return {};
  if (save_) {
    std::string content = changed.serialize();
    Status saved = save_(content);
    OPENSSL_cleanse(content.data(), content.size());
    if (!saved) return saved;
  }
  keys_ = std::make_shared<const KeySet>(std::move(changed));
  return {};
}

Result<std::string> Keyring::install(std::string_view base64) {
  auto key = Key::from_base64(base64);
  if (!key) return tl::unexpected(key.error());
  if (const Status ok = change([&](KeySet& set) { return set.install(*key); }); !ok) {
    return tl::unexpected(ok.error());
  }
  return to_string(key->id());
}

Status Keyring::use(std::string_view id) {
  return change([&](KeySet& set) { return set.use(id); });
}

Status Keyring::remove(std::string_view id) {
  return change([&](KeySet& set) { return set.remove(id); });
}

Result<KeySet> read_key_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
    return fail(code, "key file " + path + ": " + std::strerror(errno));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    return fail(ErrorCode::kUnavailable, "key file " + path + ": " + std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kInvalidArgument, "key file " + path + ": must be a regular file");
  }
  if ((status.st_mode & 077) != 0) {
    return fail(ErrorCode::kPreconditionFailed,
                "key file " + path + ": others than its owner may use it; run: chmod 600 " + path);
  }
  std::string text(kMaxKeyFileBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return fail(ErrorCode::kUnavailable, "key file " + path + ": " + std::strerror(errno));
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMaxKeyFileBytes) {
    return fail(ErrorCode::kInvalidArgument, "key file " + path + ": is longer than " +
                                                 std::to_string(kMaxKeyFileBytes) + " bytes");
  }
  auto set = KeySet::parse(std::string_view(text).substr(0, size), path);
  OPENSSL_cleanse(text.data(), text.size());
  return set;
}

}  // namespace skiptrain::discovery
