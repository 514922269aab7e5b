#include "learn/script_model.h"

#include <caffe2/serialize/read_adapter_interface.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include "learn/guarded.h"
#include "learn/ops/graph.h"
#include "learn/script_error.h"
#include "learn/seeded_generator.h"

namespace skiptrain::learn {
namespace {

// The file's bytes, read where they lie.
class MemoryReader final : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit MemoryReader(const std::string& bytes) : bytes_(bytes) {}
  std::size_t size() const override { return bytes_.size(); }
  std::size_t read(std::uint64_t at, void* out, std::size_t count, const char*) const override {
    if (at >= bytes_.size()) return 0;
    const std::size_t there = std::min<std::size_t>(count, bytes_.size() - at);
    std::memcpy(out, bytes_.data() + at, there);
    return there;
  }

 private:
  const std::string& bytes_;
};

// Throws the exception being handled, as a Refusal with its essential line; only within a catch
// block. Out of memory stays what it is.
[[noreturn]] void refuse_script(const std::string& what, ErrorCode code) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const c10::Error& error) {
    refuse(code, what + ": " + essential_line(error.what_without_backtrace()));
  } catch (const std::exception& error) {
    refuse(code, what + ": " + essential_line(error.what()));
  }
}

// Parts of the names of operators that draw at random; a few that do not are caught as well, which
// costs some microseconds a pass.
constexpr std::array<std::string_view, 17> kDrawing = {"dropout",
                                                       "rand",
                                                       "normal",
                                                       "bernoulli",
                                                       "rrelu",
                                                       "multinomial",
                                                       "poisson",
                                                       "exponential",
                                                       "uniform",
                                                       "geometric",
                                                       "cauchy",
                                                       "lstm",
                                                       "gru",
                                                       "rnn_",
                                                       "attention",
                                                       "binomial",
                                                       "fractional_max_pool"};

bool draws(const torch::jit::Block& block) {
  for (const torch::jit::Node* node : block.nodes()) {
    const std::string_view kind = node->kind().toUnqualString();
    // A call that could not be inlined may do anything.
    if (node->kind() == torch::jit::prim::CallMethod) return true;
    if (std::ranges::any_of(kDrawing, [kind](std::string_view part) {
          return kind.find(part) != std::string_view::npos;
        })) {
      return true;
    }
    for (const torch::jit::Block* inner : node->blocks()) {
      if (draws(*inner)) return true;
    }
  }
  return false;
}

struct Prepared {
  bool draws = false;  // a pass draws at random
};

// What is done once to every module that was loaded to be trained.
Prepared prepare(torch::jit::Module& module, const std::string& path, Paths paths) {
  if (!module.find_method("forward")) {
    refuse(ErrorCode::kInvalidArgument, "model.file " + path + ": it has no method forward");
  }
  if (paths == Paths::kFast) optimize_graph(module);
  const auto graph = module.get_method("forward").graph()->copy();
  torch::jit::Inline(*graph);
  return {.draws = draws(*graph->block())};
}

// A tensor attribute that forward may put another tensor into.
struct Slot {
  std::string name;
  c10::intrusive_ptr<c10::ivalue::Object> owner;
  std::size_t index = 0;
  at::Tensor tensor;  // that belongs there
};

void find_slots(const torch::jit::Module& module, const std::string& prefix,
                std::vector<Slot>& slots) {
  const auto object = module._ivalue();
  for (const auto& buffer : module.named_buffers(/*recurse=*/false)) {
    slots.push_back({prefix + buffer.name, object, object->type()->getAttributeSlot(buffer.name),
                     buffer.value});
  }
  for (const auto& child : module.named_children()) {
    find_slots(child.value, prefix + child.name + ".", slots);
  }
}

class ScriptModel final : public Model {
 public:
  ScriptModel(const ScriptFile& file, const ModelSpec& spec, Paths paths, Place place)
      : path_(file.path),
        is_table_(spec.input.channels == 1 && spec.input.height == 1),
        place_(place),
        module_(load_script(file, place)),
        draws_(prepare(module_, path_, paths).draws) {
    find_slots(module_, "", slots_);
  }

  at::Tensor forward(const at::Tensor& images) override {
    const c10::IValue result = call({shaped(images)});
    if (!result.isTensor()) {
      refuse(ErrorCode::kInvalidArgument, "model.file " + path_ + ": forward returned " +
                                              result.type()->repr_str() +
                                              ": must be a Tensor [samples, outputs]");
    }
    return result.toTensor();
  }

  at::Tensor loss(const at::Tensor& images, const at::Tensor& targets,
                  at::Tensor& outputs) override {
    const c10::IValue result = call({shaped(images), targets});
    c10::IValue loss = result;
    if (result.isTuple() && result.toTupleRef().elements().size() == 2) {
      loss = result.toTupleRef().elements()[0];
      const c10::IValue& second = result.toTupleRef().elements()[1];
      if (second.isTensor()) outputs = second.toTensor();
    }
    if (!loss.isTensor() || loss.toTensor().numel() != 1 || !loss.toTensor().is_floating_point() ||
        (result.isTuple() && !outputs.defined())) {
      refuse(ErrorCode::kInvalidArgument,
             "model.file " + path_ + ": with train.loss = \"model\", forward(inputs, targets) " +
                 "returned " + found(result) +
                 ": must be the loss, a Tensor of one number, or the pair (loss, outputs)");
    }
    return loss.toTensor().reshape({}).to(at::kFloat);
  }

  StateWalk state() override { return walk_of(module_); }

  void set_training(bool training) override {
    module_.train(training);
    // Alone: what is inside them goes on training.
    for (torch::jit::Module& module : kept_in_evaluation_) {
      if (module.hasattr("training")) module.setattr("training", false);
    }
  }

  void keep_in_evaluation(std::vector<std::string> modules) override {
    for (const auto& module : module_.named_modules()) {
      if (std::ranges::find(modules, module.name) != modules.end()) {
        kept_in_evaluation_.push_back(module.value);
      }
    }
  }

  void seed(std::uint64_t seed) override { seed_ = seed; }

  void settle() override {
    const torch::NoGradGuard no_grad;
    for (const Slot& slot : slots_) {
      const c10::IValue& value = slot.owner->getSlot(slot.index);
      if (!value.isTensor() || value.toTensor().is_same(slot.tensor)) continue;
      const at::Tensor now = value.toTensor();
      if (now.sizes() != slot.tensor.sizes()) {
        refuse(ErrorCode::kInvalidArgument,
               "model.file " + path_ + ": forward changed the shape of buffer " + slot.name +
                   ", which nodes exchange: it must stay " + c10::str(slot.tensor.sizes()));
      }
      slot.tensor.copy_(now);
      slot.owner->setSlot(slot.index, slot.tensor);
    }
  }

 private:
  at::Tensor shaped(const at::Tensor& images) const {
    return is_table_ ? images.flatten(1) : images;
  }

  static std::string found(const c10::IValue& value) {
    if (!value.isTensor()) return value.type()->repr_str();
    return "a Tensor of shape " + c10::str(value.toTensor().sizes());
  }

  c10::IValue call(std::vector<c10::IValue> arguments) {
    std::optional<SeededGenerator> seeded;
    if (draws_) seeded.emplace(seed_, place_);
    const torch::jit::GraphOptimizerEnabledGuard as_written(false);
    try {
      return module_.forward(std::move(arguments));
    } catch (...) {
      refuse_script("model.file " + path_ + ": forward failed", ErrorCode::kInvalidArgument);
    }
  }

  const std::string path_;
  const bool is_table_;
  const Place place_;
  torch::jit::Module module_;
  const bool draws_;
  std::uint64_t seed_ = 0;
  std::vector<Slot> slots_;
  std::vector<torch::jit::Module> kept_in_evaluation_;
};

}  // namespace

torch::jit::Module load_script(const ScriptFile& file, Place place) {
  std::optional<torch::jit::Module> module;
  try {
    module = torch::jit::load(std::make_shared<MemoryReader>(file.bytes), device_of(place));
  } catch (const torch::jit::ErrorReport&) {
    refuse_script(file.path + ": its code does not suit this LibTorch",
                  ErrorCode::kInvalidArgument);
  } catch (...) {
    refuse_script(file.path + ": cannot be loaded as TorchScript, which in Python " +
                      "torch.jit.script(model).save(PATH) writes",
                  ErrorCode::kCorrupt);
  }
  return *std::move(module);
}

std::unique_ptr<Model> make_script_model(const ScriptFile& file, const ModelSpec& spec, Paths paths,
                                         Place place) {
  return std::make_unique<ScriptModel>(file, spec, paths, place);
}

}  // namespace skiptrain::learn
