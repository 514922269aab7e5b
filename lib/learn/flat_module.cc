#include "learn/flat_module.h"

#include <fnmatch.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include <torch/torch.h>

#include "base/check.h"
#include "learn/guarded.h"
#include "model/parameters.h"

namespace skiptrain::learn {

struct FlatModule::Tensors {
  at::Tensor values;
  at::Tensor gradients;
  std::vector<at::Tensor> whole;                        // in the order of whole_layout_
  std::vector<std::pair<at::Tensor, at::Tensor>> kept;  // a tensor, and what it goes back to
};

namespace {

struct Entry {
  std::vector<std::string> names;   // the first is the one that counts
  std::vector<at::Tensor> handles;  // one for each object with this memory
  StateKind kind = StateKind::kParameter;
  bool is_float = false;
  bool is_frozen = false;

  const std::string& name() const { return names.front(); }
  const at::Tensor& tensor() const { return handles.front(); }
  bool is_exchanged() const { return is_float && !is_frozen; }
  // "parameter conv1.weight", for messages.
  std::string words() const {
    return (kind == StateKind::kParameter ? "parameter " : "buffer ") + name();
  }
};

constexpr std::size_t kMaxNamesInMessage = 40;

bool matches(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

bool same_place(const at::Tensor& a, const at::Tensor& b) {
  return a.data_ptr() == b.data_ptr() && a.sizes() == b.sizes() && a.strides() == b.strides();
}

// The bytes that it lies within.
std::pair<const char*, const char*> extent_of(const at::Tensor& tensor) {
  std::int64_t last = 0;
  for (std::int64_t i = 0; i < tensor.dim(); ++i) last += (tensor.size(i) - 1) * tensor.stride(i);
  const auto* begin = static_cast<const char*>(tensor.data_ptr());
  return {begin, begin + (last + 1) * static_cast<std::int64_t>(tensor.element_size())};
}

// Whether it can go into the flat buffer; integers stay outside it.
bool check_kind(const std::string& words, const at::Tensor& tensor, StateKind kind) {
  const bool is_number = tensor.is_floating_point() || tensor.is_complex();
  if (!is_number && kind == StateKind::kBuffer) return false;
  if (tensor.scalar_type() != at::kFloat || tensor.layout() != at::kStrided) {
    refuse(ErrorCode::kInvalidArgument,
           words + " is " + (tensor.layout() == at::kStrided ? "" : "sparse ") +
               std::string(tensor.dtype().name()) +
               ": must be float32 and dense; in Python, model.float() makes it so");
  }
  return true;
}

// Every name that a pattern could have meant.
std::string names_of(const std::vector<Entry>& entries) {
  std::string names;
  std::size_t count = 0;
  for (const Entry& entry : entries) {
    if (!entry.is_float) continue;
    if (++count > kMaxNamesInMessage) return names + ", ...";
    names += (names.empty() ? "" : ", ") + entry.name();
  }
  return names;
}

// Tensors with memory in common would be trained and exchanged twice.
void check_apart(const std::vector<Entry>& entries) {
  std::map<const char*, const Entry*> by_begin;
  for (const Entry& entry : entries) {
    if (!entry.is_float || entry.tensor().numel() == 0) continue;
    const auto [begin, end] = extent_of(entry.tensor());
    const auto next = by_begin.lower_bound(begin);
    const Entry* other = nullptr;
    if (next != by_begin.end() && next->first < end) other = next->second;
    if (next != by_begin.begin()) {
      const Entry* before = std::prev(next)->second;
      if (extent_of(before->tensor()).second > begin) other = before;
    }
    if (other != nullptr) {
      refuse(ErrorCode::kInvalidArgument, entry.words() + " shares a part of its memory with " +
                                              other->words() +
                                              ": tensors must be apart, or the same as a whole");
    }
    by_begin[begin] = &entry;
  }
}

// The host's memory as a tensor of one dimension; only read if it was const.
at::Tensor tensor_of(std::span<const float> values) {
  return at::from_blob(const_cast<float*>(values.data()),
                       {static_cast<std::int64_t>(values.size())}, at::kFloat);
}

void move_to(Place place, const std::vector<Entry>& entries) {
  const at::Device device = device_of(place);
  for (const Entry& entry : entries) {
    if (entry.tensor().device() == device) continue;
    const at::Tensor there = entry.tensor().detach().to(device);
    for (const at::Tensor& handle : entry.handles) handle.set_data(there);
  }
}

std::vector<Entry> collect(const StateWalk& walk) {
  std::vector<Entry> entries;
  std::map<const void*, std::size_t> by_memory;
  walk([&](const std::string& name, const at::Tensor& tensor, StateKind kind) {
    if (!tensor.defined()) return;
    Entry entry{{name}, {tensor}, kind};
    entry.is_float = check_kind(entry.words(), tensor, kind);
    entry.is_frozen = kind == StateKind::kParameter && !tensor.requires_grad();
    if (entry.is_float && tensor.numel() > 0) {
      const auto [found, is_new] = by_memory.emplace(tensor.data_ptr(), entries.size());
      if (!is_new && same_place(entries[found->second].tensor(), tensor)) {
        Entry& twin = entries[found->second];
        twin.names.push_back(name);
        const bool is_known = std::ranges::any_of(
            twin.handles, [&](const at::Tensor& handle) { return handle.is_same(tensor); });
        if (!is_known) twin.handles.push_back(tensor);
        return;
      }
    }
    entries.push_back(std::move(entry));
  });
  check_apart(entries);
  return entries;
}

void freeze(std::vector<Entry>& entries, std::span<const std::string> patterns) {
  for (const std::string& pattern : patterns) {
    bool is_used = false;
    for (Entry& entry : entries) {
      if (!entry.is_float) continue;
      const bool found = std::ranges::any_of(
          entry.names, [&](const std::string& name) { return matches(pattern, name); });
      entry.is_frozen = entry.is_frozen || found;
      is_used = is_used || found;
    }
    if (!is_used) {
      refuse(
          ErrorCode::kInvalidArgument,
          "model.frozen: \"" + pattern + "\" matches no parameter; there are " + names_of(entries));
    }
  }
}

// That something is left to learn.
void check_trainable(const std::vector<Entry>& entries) {
  const auto is_parameter = [](const Entry& entry) { return entry.kind == StateKind::kParameter; };
  if (std::ranges::none_of(entries, is_parameter)) {
    refuse(ErrorCode::kInvalidArgument,
           "it has no parameters: export the module before torch.jit.freeze, which makes them "
           "constants");
  }
  if (std::ranges::any_of(
          entries, [&](const Entry& entry) { return is_parameter(entry) && !entry.is_frozen; })) {
    return;
  }
  refuse(ErrorCode::kInvalidArgument,
         "nothing is left to train: model.frozen, or requires_grad = False in the model's file, "
         "freezes all of " +
             names_of(entries));
}

// "layer1.bn" of "layer1.bn.running_mean"; "" of one of the outermost module.
std::string owner_of(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

std::vector<std::string> frozen_modules_of(const std::vector<Entry>& entries) {
  std::map<std::string, bool> all_frozen;
  for (const Entry& entry : entries) {
    if (entry.kind != StateKind::kBuffer || !entry.is_float) continue;
    const auto [owner, is_new] = all_frozen.emplace(owner_of(entry.name()), entry.is_frozen);
    owner->second = owner->second && entry.is_frozen;
  }
  std::vector<std::string> names;
  for (const auto& [name, frozen] : all_frozen) {
    if (frozen) names.push_back(name);
  }
  return names;
}

}  // namespace

NamedParameters copy_state(const StateWalk& walk) {
  const torch::NoGradGuard no_grad;
  const std::vector<Entry> entries = collect(walk);
  ParameterLayout layout;
  for (const Entry& entry : entries) {
    if (entry.is_float) layout.append(entry.name(), entry.tensor().sizes().vec());
  }
  auto values = std::make_shared<Parameters>(layout.parameter_count());
  auto spec = layout.tensors().begin();
  for (const Entry& entry : entries) {
    if (!entry.is_float) continue;
    at::from_blob(values->values().data() + spec->offset, spec->shape, at::kFloat)
        .copy_(entry.tensor());
    ++spec;
  }
  return {std::move(layout), std::move(values)};
}

FlatModule::FlatModule(torch::nn::Module& module) : FlatModule(walk_of(module), {}) {}

FlatModule::FlatModule(const StateWalk& walk, std::span<const std::string> frozen, Place place)
    : place_(place), tensors_(std::make_unique<Tensors>()) {
  const torch::NoGradGuard no_grad;
  std::vector<Entry> entries = collect(walk);
  freeze(entries, frozen);
  check_trainable(entries);
  frozen_modules_ = frozen_modules_of(entries);
  move_to(place, entries);
  for (const Entry& entry : entries) {
    if (entry.is_exchanged()) layout_.append(entry.name(), entry.tensor().sizes().vec());
    if (entry.is_float) whole_layout_.append(entry.name(), entry.tensor().sizes().vec());
  }
  const auto count = static_cast<std::int64_t>(layout_.parameter_count());
  const auto options = at::TensorOptions(at::kFloat).device(device_of(place));
  tensors_->values = at::empty({count}, options);
  tensors_->gradients = at::zeros({count}, options);
  auto spec = layout_.tensors().begin();
  for (const Entry& entry : entries) {
    if (entry.is_float) tensors_->whole.push_back(entry.tensor());
    if (!entry.is_exchanged()) {
      // No gradient is worked out for it; and a forward pass changes buffers, but no parameters.
      if (entry.kind == StateKind::kBuffer) {
        tensors_->kept.emplace_back(entry.tensor(), entry.tensor().clone());
      } else {
        for (const at::Tensor& handle : entry.handles) handle.set_requires_grad(false);
      }
      continue;
    }
    const auto view_in = [&](const at::Tensor& flat) {
      return flat
          .narrow(0, static_cast<std::int64_t>(spec->offset),
                  static_cast<std::int64_t>(spec->element_count()))
          .view(spec->shape);
    };
    const at::Tensor place = view_in(tensors_->values);
    place.copy_(entry.tensor());
    for (const at::Tensor& handle : entry.handles) {
      handle.set_data(place);
      // Autograd adds into a gradient that is already there.
      if (entry.kind == StateKind::kParameter) {
        handle.mutable_grad() = view_in(tensors_->gradients);
      }
    }
    if (entry.kind == StateKind::kParameter) {
      add_trainable({spec->offset, spec->element_count()});
    }
    ++spec;
  }
}

FlatModule::~FlatModule() = default;

void FlatModule::add_trainable(Run run) {
  if (!trainable_.empty() && trainable_.back().offset + trainable_.back().count == run.offset) {
    trainable_.back().count += run.count;
  } else {
    trainable_.push_back(run);
  }
}

std::span<float> FlatModule::values() {
  SKIPTRAIN_CHECK(place_ != Place::kCuda, "a GPU's memory is not the host's");
  return {tensors_->values.data_ptr<float>(), layout_.parameter_count()};
}

std::span<float> FlatModule::gradients() {
  SKIPTRAIN_CHECK(place_ != Place::kCuda, "a GPU's memory is not the host's");
  return {tensors_->gradients.data_ptr<float>(), layout_.parameter_count()};
}

void FlatModule::zero_gradients() {
  tensors_->gradients.zero_();
}

const at::Tensor& FlatModule::value_tensor() const {
  return tensors_->values;
}

const at::Tensor& FlatModule::gradient_tensor() const {
  return tensors_->gradients;
}

void FlatModule::read(std::span<float> out) const {
  SKIPTRAIN_CHECK(out.size() == layout_.parameter_count(), "all that is exchanged is read");
  const torch::NoGradGuard no_grad;
  tensor_of(out).copy_(tensors_->values);
}

void FlatModule::write(std::span<const float> values) {
  SKIPTRAIN_CHECK(values.size() == layout_.parameter_count(), "all that is exchanged is given");
  const torch::NoGradGuard no_grad;
  tensors_->values.copy_(tensor_of(values));
}

bool FlatModule::all_values_finite() const {
  if (place_ == Place::kHost) {
    return all_finite(std::span(tensors_->values.data_ptr<float>(), layout_.parameter_count()));
  }
  const torch::NoGradGuard no_grad;
  return tensors_->values.isfinite().all().item<bool>();
}

void FlatModule::read_whole(std::span<float> out) const {
  SKIPTRAIN_CHECK(out.size() == whole_layout_.parameter_count(), "the whole model is read");
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < tensors_->whole.size(); ++i) {
    const TensorSpec& spec = whole_layout_.tensors()[i];
    at::from_blob(out.data() + spec.offset, spec.shape, at::kFloat).copy_(tensors_->whole[i]);
  }
}

void FlatModule::write_whole(std::span<const float> values) {
  SKIPTRAIN_CHECK(values.size() == whole_layout_.parameter_count(), "the whole model is given");
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < tensors_->whole.size(); ++i) {
    const TensorSpec& spec = whole_layout_.tensors()[i];
    float* from = const_cast<float*>(values.data() + spec.offset);  // only read
    tensors_->whole[i].copy_(at::from_blob(from, spec.shape, at::kFloat));
  }
  for (auto& [tensor, before] : tensors_->kept) before.copy_(tensor);
}

void FlatModule::restore() {
  const torch::NoGradGuard no_grad;
  for (auto& [tensor, before] : tensors_->kept) tensor.copy_(before);
}

}  // namespace skiptrain::learn
