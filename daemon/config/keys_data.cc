// The keys of [data]: which files, and whose share of them.
#include <limits>
#include <span>
#include <utility>

#include "daemon/config/key_readers.h"
#include "daemon/config/keys.h"
#include "data/partition.h"

namespace skiptrain::daemon {
namespace {

using namespace keys;

constexpr std::int64_t kMaxCropPadding = 64;
// Samples are counted in 32 bits once they are loaded.
constexpr std::int64_t kMaxSamples = std::numeric_limits<std::uint32_t>::max();

Complaint a_partition(const std::string& text) {
  static_assert(data::kMinDirichletAlpha == 0.001 && data::kMaxDirichletAlpha == 1e6,
                "the words below and in the key's meaning");
  if (data::parse_partition(text)) return std::nullopt;
  return "iid, shards:K (K from 1 to " + std::to_string(data::kMaxShardsPerNode) +
         "), dirichlet:ALPHA (ALPHA from 0.001 to 1000000), users, or all";
}

Complaint a_column(const std::string& text) {
  return text.empty() ? Complaint("the name of a column, not empty") : std::nullopt;
}

// A path that only some of data.format's values have; the checks across keys know which.
template <typename Get>
Key<Config> data_path(std::string path, Get get, std::string meaning) {
  return optional_text<Config>(std::move(path), get, not_empty, std::move(meaning));
}

// The names of two arrays, features and labels.
template <typename Get>
Key<Config> array_keys(std::string path, Get get, std::string meaning) {
  constexpr std::size_t kArrays = 2;
  const auto not_empty_name = [](const std::string& text) {
    return text.empty() ? Complaint("an array's name, not empty") : std::nullopt;
  };
  Key<Config> key =
      text_list<Config>(std::move(path), get, kArrays, not_empty_name, std::move(meaning));
  key.read = [get, read = key.read](Config& config, const Value& value) -> Complaint {
    Config read_into = config;
    if (read(read_into, value) || get(read_into).size() != kArrays) {
      return "a list of two names, of the array of features and of that of labels";
    }
    get(config) = get(read_into);
    return std::nullopt;
  };
  return key;
}

using List = std::vector<Key<Config>>;

void append_files(List& list) {
  list.push_back(shared(choice<Config>(
      "data.format", [](auto& c) -> auto& { return c.data.format; },
      std::span<const data::Format>(data::kFormats),
      "idx, the binary version of cifar-10 or cifar-100, npy or npz of NumPy, csv, torch (of "
      "torch.save), leaf (LEAF's JSON), or images (folders of PNG and JPEG files)")));
  list.push_back(data_path(
      "data.directory", [](auto& c) -> auto& { return c.data.directory; },
      "with the CIFAR formats, leaf and images, required: folder with data_batch_1.bin to "
      "data_batch_5.bin and test_batch.bin, or with train.bin and test.bin, plain, or gzip with "
      ".gz "
      "after the name; with train/*.json and test/*.json; with train/CLASS/* and test/CLASS/*"));
  list.push_back(data_path(
      "data.train_images", [](auto& c) -> auto& { return c.data.train_images; },
      "with idx or npy, required: IDX file, plain or gzip; or file .npy of features, in C order: "
      "bytes are pixels, other types are learned as they are"));
  list.push_back(data_path(
      "data.train_labels", [](auto& c) -> auto& { return c.data.train_labels; },
      "with idx or npy, required: IDX file, plain or gzip; or file .npy of whole numbers, or of "
      "any with another train.loss than cross-entropy"));
  list.push_back(data_path(
      "data.test_images", [](auto& c) -> auto& { return c.data.test_images; },
      "with idx or npy, required: as data.train_images"));
  list.push_back(data_path(
      "data.test_labels", [](auto& c) -> auto& { return c.data.test_labels; },
      "with idx or npy, required: as data.train_labels"));
  list.push_back(data_path(
      "data.train_file", [](auto& c) -> auto& { return c.data.train_file; },
      "with npz, torch or csv, required: file .npz, file of torch.save, or a table whose first "
      "line "
      "names the columns"));
  list.push_back(data_path(
      "data.test_file", [](auto& c) -> auto& { return c.data.test_file; },
      "with npz, torch or csv, required: as data.train_file; but for csv, it may be the same "
      "file"));
  list.push_back(array_keys(
      "data.train_arrays", [](auto& c) -> auto& { return c.data.train_arrays; },
      "npz and torch only: names of two arrays in data.train_file, features and labels; the "
      "tensors "
      "of a tuple are \"0\", \"1\", ..."));
  list.push_back(array_keys(
      "data.test_arrays", [](auto& c) -> auto& { return c.data.test_arrays; },
      "npz and torch only: the same for data.test_file"));
  list.push_back(shared(text<Config>(
      "data.label_column", [](auto& c) -> auto& { return c.data.label_column; }, a_column,
      "csv only: the column of labels, whole numbers or names; all others are features")));
  list.push_back(shared(text_list<Config>(
      "data.target_columns", [](auto& c) -> auto& { return c.data.target_columns; },
      data::kMaxTargetWidth, a_column,
      "csv with another train.loss than cross-entropy: the columns of numbers that are learned, in "
      "the outputs' order; []: data.label_column alone")));
}

void append_share(List& list) {
  list.push_back(shared(number<Config>(
      "data.held_out", [](auto& c) -> auto& { return c.data.held_out; },
      NumberRange{
          .min = 0.0, .max = 1.0, .max_excluded = true, .text = "a number from 0 to below 1"},
      "above 0: the test set is this part of the training samples, drawn from run.seed, evenly of "
      "each class if they have classes, the same on all nodes, before any are dealt; the keys of "
      "test files are left out")));
  list.push_back(shared(text<Config>(
      "data.partition", [](auto& c) -> auto& { return c.data.partition; }, a_partition,
      "whose share is ours: iid, shards:K (K from 1 to 10000), dirichlet:ALPHA (0.001 to 1000000), "
      "users (leaf only: whole users), or all")));
  list.push_back(shared(integer<Config>(
      "data.shares", [](auto& c) -> auto& { return c.data.shares; },
      IntegerRange{0, static_cast<std::int64_t>(kMaxClusterNodes)},
      "shares that the partition deals, 0 to 4096; 0: one for each of `[[cluster.nodes]]`. With "
      "membership.enabled required, unless data.partition is all")));
  list.push_back(integer<Config>(
      "data.share", [](auto& c) -> auto& { return c.data.share; },
      IntegerRange{0, static_cast<std::int64_t>(kMaxClusterNodes) - 1},
      "with data.shares: which of them is this node's, from 0"));
  list.push_back(shared(integer<Config>(
      "data.train_limit", [](auto& c) -> auto& { return c.data.train_limit; },
      IntegerRange{0, kMaxSamples},
      "use only the first N training samples, 0 to 4294967295; 0: all")));
  list.push_back(shared(numbers<Config>(
      "data.mean", [](auto& c) -> auto& { return c.data.mean; }, data::kMaxImageChannels,
      NumberRange{.text = "a finite number"},
      "pixels become (value / 255 - mean) / std; a number, or a list of one for each channel; for "
      "cifar-10 0.4734, for cifar-100 0.4782; floats stay as they are")));
  list.push_back(shared(numbers<Config>(
      "data.std", [](auto& c) -> auto& { return c.data.std; }, data::kMaxImageChannels,
      NumberRange{.min = 0.0, .min_excluded = true, .text = "a number above 0"},
      "as data.mean, greater than 0; for cifar-10 0.2516, for cifar-100 0.2682")));
}

void append_augmentation(List& list) {
  list.push_back(shared(boolean<Config>(
      "data.augment.flip", [](auto& c) -> auto& { return c.data.augment_flip; },
      "each image of a training minibatch is mirrored, left to right, or not, by chance")));
  list.push_back(shared(integer<Config>(
      "data.augment.crop_padding", [](auto& c) -> auto& { return c.data.augment_crop_padding; },
      IntegerRange{0, kMaxCropPadding},
      "each image of a training minibatch gets so many black pixels (zeros, of floats) on every "
      "side, and is cut back to its size at a place drawn by chance; 0 to 64; 0: off")));
}

}  // namespace

void append_data(std::vector<Key<Config>>& list) {
  append_files(list);
  append_share(list);
  append_augmentation(list);
}

}  // namespace skiptrain::daemon
