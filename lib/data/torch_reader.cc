#include "data/torch_reader.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "data/array_member.h"
#include "data/npy_reader.h"
#include "data/quoted.h"

namespace skiptrain::data {
namespace {

constexpr std::string_view kPickleName = "data.pkl";

struct StorageType {
  std::string_view name;
  DType dtype;
};
constexpr StorageType kStorageTypes[] = {
    {"BoolStorage", DType::kBool},     {"ByteStorage", DType::kUint8},
    {"IntStorage", DType::kInt32},     {"LongStorage", DType::kInt64},
    {"FloatStorage", DType::kFloat32}, {"DoubleStorage", DType::kFloat64}};

std::optional<DType> dtype_of(const std::string& storage) {
  for (const StorageType& known : kStorageTypes) {
    if (known.name == storage) return known.dtype;
  }
  return std::nullopt;
}

// In C order, as NumPy calls it. An extent of 1 may have any stride.
bool is_contiguous(const pickle::Tensor& tensor) {
  std::int64_t expected = 1;
  for (std::size_t i = tensor.size.size(); i-- > 0;) {
    if (tensor.size[i] != 1 && tensor.stride[i] != expected) return false;
    expected *= tensor.size[i];
  }
  return true;
}

// The tensor's type; it lies within its storage.
Result<ArrayType> checked_type(const pickle::Tensor& tensor, const std::string& name) {
  const auto dtype = dtype_of(tensor.storage.type);
  if (!dtype) {
    return fail(ErrorCode::kInvalidArgument,
                name + ": a tensor of a " + quoted(tensor.storage.type) +
                    ": must be of uint8, bool, int32, int64, float32 or float64; in PyTorch: "
                    "t.float() for features, t.long() for labels");
  }
  if (tensor.size.size() != tensor.stride.size() || tensor.size.size() > kMaxArrayRank) {
    return fail(ErrorCode::kCorrupt, name + ": a tensor of " + std::to_string(tensor.size.size()) +
                                         " extents and " + std::to_string(tensor.stride.size()) +
                                         " strides: must be as many, at most " +
                                         std::to_string(kMaxArrayRank));
  }
  ArrayType type{.dtype = *dtype};
  std::uint64_t values = 1;
  const auto in_storage =
      static_cast<std::uint64_t>(std::max<std::int64_t>(tensor.storage.count, 0));
  const bool has_none = std::ranges::find(tensor.size, 0) != tensor.size.end();
  for (const std::int64_t extent : tensor.size) {
    // Before multiplying, so that nothing overflows.
    if (extent < 0 || (!has_none && static_cast<std::uint64_t>(extent) > in_storage / values)) {
      values = in_storage + 1;
      break;
    }
    if (!has_none) values *= static_cast<std::uint64_t>(extent);
    type.shape.push_back(static_cast<std::uint64_t>(extent));
  }
  if (has_none) values = 0;
  if (tensor.offset < 0 || tensor.storage.count < 0 || values > in_storage ||
      static_cast<std::uint64_t>(tensor.offset) > in_storage - values) {
    return fail(ErrorCode::kCorrupt, name + ": a tensor that reaches beyond its storage of " +
                                         std::to_string(tensor.storage.count) + " values");
  }
  if (!has_none && !is_contiguous(tensor)) {
    return fail(ErrorCode::kInvalidArgument,
                name + ": a tensor that is not contiguous: save t.contiguous()");
  }
  return type;
}

Result<std::vector<std::uint8_t>> read_whole(ZipMember& member, std::uint64_t limit) {
  if (member.size() > limit) {
    return fail(ErrorCode::kResourceExhausted, member.name() + ": " +
                                                   std::to_string(member.size()) +
                                                   " bytes: the limit is " + std::to_string(limit));
  }
  std::vector<std::uint8_t> bytes(member.size());
  Status read = member.read(bytes);
  if (read) read = member.expect_end("size");
  if (!read) return tl::unexpected<Error>(read.error());
  return bytes;
}

}  // namespace

Result<ZipMember> TorchFile::member(const std::string& member_name, std::string name) const {
  const std::vector<std::string>& names = archive_.names();
  const auto found = std::find(names.begin(), names.end(), prefix_ + member_name);
  if (found != names.end()) {
    return archive_.member(static_cast<std::size_t>(found - names.begin()), std::move(name));
  }
  return fail(ErrorCode::kCorrupt, name + ": there is no member " + quoted(prefix_ + member_name));
}

Result<TorchFile> TorchFile::open(const std::string& path) {
  auto archive =
      ZipArchive::open(path, "a file of torch.save", "as torch.save writes it since PyTorch 1.6");
  if (!archive) return tl::unexpected<Error>(archive.error());
  TorchFile file;
  file.archive_ = *std::move(archive);
  const std::vector<std::string>& names = file.archive_.names();
  const auto found = std::ranges::find_if(names, [](const std::string& name) {
    return name == kPickleName || name.ends_with("/" + std::string(kPickleName));
  });
  if (found == names.end()) {
    return fail(ErrorCode::kCorrupt,
                path + ": not a file of torch.save: there is no data.pkl in it");
  }
  file.prefix_ = found->substr(0, found->size() - kPickleName.size());
  if (std::ranges::find(names, file.prefix_ + "byteorder") != names.end()) {
    auto order = file.member("byteorder", path + ": byteorder");
    if (!order) return tl::unexpected<Error>(order.error());
    const auto word = read_whole(*order, 16);
    if (!word) return tl::unexpected<Error>(word.error());
    file.is_big_endian_ = std::string(word->begin(), word->end()) == "big";
  }
  const std::string name = path + ": " + std::string(kPickleName);
  auto pickled = file.member(std::string(kPickleName), name);
  if (!pickled) return tl::unexpected<Error>(pickled.error());
  const auto bytes = read_whole(*pickled, pickle::kMaxBytes);
  if (!bytes) return tl::unexpected<Error>(bytes.error());
  const auto saved = pickle::parse(*bytes, name);
  if (!saved) return tl::unexpected<Error>(saved.error());
  if (auto taken = file.take_tensors(*saved); !taken) return tl::unexpected<Error>(taken.error());
  return file;
}

Status TorchFile::take_tensors(const pickle::Value& saved) {
  const auto take = [this](const pickle::Value& value, const std::string& key) {
    const auto* tensor = std::get_if<pickle::Tensor>(&value.is);
    if (tensor == nullptr) return;  // other things that were saved beside them
    keys_.push_back(key);
    tensors_.push_back(*tensor);
  };
  const auto take_all = [&](const pickle::Items& items) {
    for (std::size_t i = 0; i < items.size(); ++i) take(items[i], std::to_string(i));
  };
  if (const auto* dict = std::get_if<pickle::Dict>(&saved.is)) {
    for (const auto& [key, value] : *dict->entries) {
      if (const auto* text = std::get_if<std::string>(&key.is)) take(value, *text);
    }
  } else if (const auto* tuple = std::get_if<pickle::Tuple>(&saved.is)) {
    take_all(*tuple->items);
  } else if (const auto* list = std::get_if<pickle::List>(&saved.is)) {
    take_all(*list->items);
  } else {
    take(saved, "0");
  }
  if (!keys_.empty()) return {};
  return fail(ErrorCode::kInvalidArgument,
              path() + ": holds no tensors: must be a dictionary or a tuple of them");
}

Result<TorchFile::Opened> TorchFile::find(const std::string& key) const {
  const auto found = std::find(keys_.begin(), keys_.end(), key);
  if (found == keys_.end()) {
    return fail(ErrorCode::kNotFound, path() + ": there is no tensor " + quoted(key) +
                                          "; it holds " + quoted_list(keys_));
  }
  const std::string name = path() + ": " + key;
  const pickle::Tensor& tensor = tensors_[static_cast<std::size_t>(found - keys_.begin())];
  auto type = checked_type(tensor, name);
  if (!type) return tl::unexpected<Error>(type.error());
  type->is_big_endian = is_big_endian_ && bytes_of(type->dtype) > 1;
  auto storage = member("data/" + tensor.storage.key, name);
  if (!storage) return tl::unexpected<Error>(storage.error());
  const std::uint64_t width = bytes_of(type->dtype);
  // A count that cannot be is caught here, too: no member has more bytes than its archive.
  if (static_cast<std::uint64_t>(tensor.storage.count) > storage->size() / width) {
    return fail(ErrorCode::kCorrupt, name + ": a storage of " +
                                         std::to_string(tensor.storage.count) + " values in " +
                                         std::to_string(storage->size()) + " bytes");
  }
  const std::uint64_t before = static_cast<std::uint64_t>(tensor.offset) * width;
  const std::uint64_t after = storage->size() - before - type->byte_count();
  if (auto skipped = storage->skip(before); !skipped) {
    return tl::unexpected<Error>(skipped.error());
  }
  return Opened{*std::move(storage), *std::move(type), after};
}

Result<ArrayType> TorchFile::type_of(const std::string& key) const {
  auto opened = find(key);
  if (!opened) return tl::unexpected<Error>(opened.error());
  return std::move(opened->type);
}

Result<Array> TorchFile::read(const std::string& key) const {
  auto opened = find(key);
  if (!opened) return tl::unexpected<Error>(opened.error());
  return read_member(opened->member, opened->type, opened->after);
}

Result<Array> TorchFile::read_rows(const std::string& key,
                                   const std::vector<std::uint32_t>& rows) const {
  auto opened = find(key);
  if (!opened) return tl::unexpected<Error>(opened.error());
  return read_member_rows(opened->member, opened->type, rows, opened->after);
}

}  // namespace skiptrain::data
