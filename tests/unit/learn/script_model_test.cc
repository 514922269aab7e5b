// Training of models that users bring.
#include "learn/script_model.h"

#include <algorithm>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/torch_trainer.h"
#include "learn/torchscript.h"
#include "learn/trainer_group.h"
#include "tests/unit/learn/quadrants.h"
#include "tests/unit/learn/script_files.h"

namespace skiptrain::learn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<float> trained(ports::Trainer& trainer, std::uint64_t round = 0) {
  const auto outcome = trainer.train({Round(round), trainer.initial_parameters()});
  EXPECT_TRUE(outcome) << outcome.error().message;
  return outcome ? copy(outcome->parameters) : std::vector<float>();
}

// The same model in both forms: what is exported trains on to the same bits.
TEST(ScriptModelTest, AReferenceModelInTorchScriptTrainsAlike) {
  for (const char* name : {"mlp", "gn-lenet", "lenet5", "femnist-cnn"}) {
    SCOPED_TRACE(name);
    const TrainerOptions options = quadrant_options(name);
    const auto reference = create(options);
    const auto bytes = reference->torchscript(reference->initial_parameters());
    ASSERT_TRUE(bytes) << bytes.error().message;
    const auto own = create(own_options(script_file(*bytes)));
    EXPECT_EQ(own->layout(), reference->layout());
    EXPECT_EQ(copy(own->initial_parameters()), copy(reference->initial_parameters()));
    EXPECT_EQ(trained(*own), trained(*reference));
    const auto ours = own->evaluate(*own->initial_parameters(), 0);
    const auto theirs = reference->evaluate(*reference->initial_parameters(), 0);
    ASSERT_TRUE(ours && theirs);
    EXPECT_EQ(ours->loss, theirs->loss);
    EXPECT_EQ(ours->accuracy, theirs->accuracy);
  }
}

TEST(ScriptModelTest, LearnsTheQuadrants) {
  TrainerOptions options = own_options(saved(linear_module(kLinear)));
  options.local_steps = 60;
  const auto trainer = create(options);
  const auto before = trainer->evaluate(*trainer->initial_parameters(), 0);
  const auto outcome = trainer->train({Round(0), trainer->initial_parameters()});
  ASSERT_TRUE(outcome && before);
  const auto after = trainer->evaluate(*outcome->parameters, 0);
  ASSERT_TRUE(after);
  EXPECT_LT(after->loss, before->loss / 2);
  EXPECT_GT(after->accuracy, 0.9);
}

// Buffers that forward replaces by others are exchanged with their new values, and a counter starts
// every round as it stands in the file.
TEST(ScriptModelTest, BuffersThatForwardReplacesAreExchanged) {
  const auto trainer = create(own_options(saved(linear_module(R"(
def forward(self, x):
  y = torch.linear(torch.flatten(x, 1), self.weight, self.bias)
  if self.training:
    self.count = self.count + 1
    self.mean = self.mean + torch.ones([4]) * self.count
  return y
)"))));
  ASSERT_EQ(trainer->layout().tensors().size(), 3u);
  const TensorSpec& mean = trainer->layout().tensors()[2];
  EXPECT_EQ(mean.name, "mean");
  EXPECT_EQ(copy(trainer->initial_parameters())[mean.offset], 0) << "the trial left its traces";
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(trained(*trainer)[mean.offset], 1 + 2 + 3 + 4 + 5);
  }
}

TEST(ScriptModelTest, TiedWeightsAreExchangedOnceAndTrainedTogether) {
  const torch::jit::Module module = linear_module("");
  torch::jit::Module tied("Tied");
  const at::Tensor shared = torch::eye(4).requires_grad_();
  tied.register_attribute("training", c10::BoolType::get(), true);
  tied.register_parameter("weight", module.attr("weight").toTensor(), false);
  tied.register_parameter("bias", module.attr("bias").toTensor(), false);
  tied.register_parameter("a", shared, false);
  tied.register_parameter("b", shared, false);
  tied.define(R"(
def forward(self, x):
  h = torch.linear(torch.flatten(x, 1), self.weight, self.bias)
  return torch.linear(torch.linear(h, self.a), self.b)
)");
  const auto trainer = create(own_options(saved(tied)));
  ASSERT_EQ(trainer->layout().tensors().size(), 3u);
  EXPECT_EQ(trainer->layout().tensors()[2].name, "a");
  const auto outcome = trainer->train({Round(0), trainer->initial_parameters()});
  ASSERT_TRUE(outcome);
  const auto bytes = trainer->torchscript(outcome->parameters);
  ASSERT_TRUE(bytes) << bytes.error().message;
  std::istringstream in(*bytes);
  const torch::jit::Module exported = torch::jit::load(in);
  EXPECT_FALSE(exported.attr("a").toTensor().equal(torch::eye(4)));
  EXPECT_TRUE(exported.attr("a").toTensor().equal(exported.attr("b").toTensor()));
}

constexpr const char* kDropout = R"(
def forward(self, x):
  x = torch.dropout(torch.flatten(x, 1), 0.5, self.training)
  return torch.linear(x, self.weight, self.bias)
)";

TEST(ScriptModelTest, DropoutFollowsFromSeedNodeAndRound) {
  const TrainerOptions options = own_options(saved(linear_module(kDropout)));
  const auto a = create(options);
  const auto b = create(options);
  trained(*b, 7);
  torch::rand({5});  // as others of the process may draw
  EXPECT_EQ(trained(*a, 3), trained(*b, 3));
  EXPECT_NE(trained(*a, 3), trained(*a, 4));
  EXPECT_NE(trained(*a, 3), trained(*create(own_options(saved(linear_module(kLinear)))), 3));
}

TEST(ScriptModelTest, DropoutIsTheSameWithManyWorkers) {
  const TrainerOptions options = own_options(saved(linear_module(kDropout)));
  const auto data = std::make_shared<const data::Dataset>(quadrants(60, 1));
  const auto run = [&](std::uint32_t workers) {
    const auto group = TrainerGroup::create(options, data, data, {.workers = workers});
    EXPECT_TRUE(group) << group.error().message;
    std::vector<std::vector<float>> results(4);
    std::vector<std::thread> threads;
    for (std::uint32_t node = 0; node < results.size(); ++node) {
      threads.emplace_back([&, node] {
        auto trainer = group->trainer(NodeId(node), {node, node + 10, node + 20, node + 30});
        results[node] = trained(**trainer);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return results;
  };
  const auto alone = run(1);
  EXPECT_EQ(run(3), alone);
  EXPECT_NE(alone[0], alone[1]);
}

TEST(ScriptModelTest, TableRowsComeWithoutHeightAndWidth) {
  TrainerOptions options = own_options(saved(linear_module(R"(
def forward(self, x):
  return torch.linear(x, self.weight, self.bias)
)")));
  options.model.input = {.channels = 1, .height = 1, .width = 144};
  trained(*create(options));
}

TEST(ScriptModelTest, FrozenParametersStayAndAreNotExchanged) {
  TrainerOptions options = own_options(saved(linear_module(kLinear)));
  options.model.frozen = {"wei*"};
  const auto trainer = create(options);
  ASSERT_EQ(trainer->layout().tensors().size(), 2u);
  EXPECT_EQ(trainer->layout().tensors()[0].name, "bias");
  const auto outcome = trainer->train({Round(0), trainer->initial_parameters()});
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_NE(copy(outcome->parameters), copy(trainer->initial_parameters()));
  const NamedParameters whole = trainer->whole_model(outcome->parameters);
  ASSERT_EQ(whole.layout.tensors().size(), 3u);
  EXPECT_EQ(whole.layout.tensors()[0].name, "weight");
  const std::vector<float> values = copy(whole.values);
  const at::Tensor weight = linear_module(kLinear).attr("weight").toTensor();
  EXPECT_TRUE(std::equal(values.begin(), values.begin() + 4 * 144, weight.data_ptr<float>()));
  EXPECT_EQ(values[4 * 144], copy(outcome->parameters)[0]);
  const auto bytes = trainer->torchscript(outcome->parameters);
  ASSERT_TRUE(bytes);
  std::istringstream in(*bytes);
  EXPECT_TRUE(torch::jit::load(in).attr("weight").toTensor().equal(weight));
}

TEST(ScriptModelTest, ParametersThatNeedNoGradientAreFrozen) {
  torch::jit::Module module = linear_module(kLinear);
  module.attr("weight").toTensor().requires_grad_(false);
  const auto trainer = create(own_options(saved(module)));
  EXPECT_EQ(trainer->layout().tensors()[0].name, "bias");
  EXPECT_EQ(trainer->whole_model(trainer->initial_parameters()).layout.tensors()[0].name, "weight");
}

TEST(ScriptModelTest, FrozenPartsOfAReferenceModelFollowFromTheSeed) {
  TrainerOptions options = quadrant_options("gn-lenet");
  const std::vector<float> all = copy(create(options)->initial_parameters());
  options.model.frozen = {"conv*", "norm1.*"};
  const auto trainer = create(options);
  EXPECT_EQ(trainer->layout().tensors()[0].name, "norm2.weight");
  EXPECT_EQ(copy(trainer->whole_model(trainer->initial_parameters()).values), all);
  EXPECT_NE(trained(*trainer), copy(trainer->initial_parameters()));
}

// A batch norm whose statistics are frozen normalises by them, and does not move them.
TEST(ScriptModelTest, AFrozenBatchNormStaysInEvaluationMode) {
  torch::jit::Module norm("Norm");
  norm.register_attribute("training", c10::BoolType::get(), true);
  norm.register_buffer("running_mean", torch::zeros({144}));
  norm.register_buffer("running_var", torch::full({144}, 4.0f));
  norm.define(R"(
def forward(self, x):
  return torch.batch_norm(x, None, None, self.running_mean, self.running_var, self.training, 0.1, 1e-05, False)
)");
  torch::jit::Module module = linear_module("");
  module.register_module("norm", norm);
  module.define(R"(
def forward(self, x):
  return torch.linear(self.norm.forward(torch.flatten(x, 1)), self.weight, self.bias)
)");
  TrainerOptions options = own_options(saved(module));
  const std::vector<float> by_batch = trained(*create(options));
  options.model.frozen = {"norm.*"};
  const auto trainer = create(options);
  const auto outcome = trainer->train({Round(0), trainer->initial_parameters()});
  ASSERT_TRUE(outcome) << outcome.error().message;
  const std::vector<float> values = copy(trainer->whole_model(outcome->parameters).values);
  const std::size_t var = values.size() - 144;
  EXPECT_EQ(values[var], 4.0f);
  EXPECT_NE(by_batch[var], 4.0f);
  EXPECT_NE(values[0], by_batch[0]);
}

TEST(ScriptModelTest, ItsOwnLossIsTrained) {
  const std::string pair = R"(
def forward(self, x, targets):
  y = torch.linear(torch.flatten(x, 1), self.weight, self.bias)
  return (torch.cross_entropy_loss(y, targets), y)
)";
  TrainerOptions plain = own_options(saved(linear_module(kLinear)));
  TrainerOptions options = own_options(saved(linear_module(pair)));
  options.loss = LossKind::kModel;
  const auto own = create(options);
  const auto reference = create(plain);
  EXPECT_EQ(trained(*own), trained(*reference));
  const auto ours = own->evaluate(*own->initial_parameters(), 0);
  const auto theirs = reference->evaluate(*reference->initial_parameters(), 0);
  ASSERT_TRUE(ours && theirs);
  EXPECT_NEAR(ours->loss, theirs->loss, 1e-5);
  EXPECT_EQ(ours->accuracy, theirs->accuracy);
  options.model.file = nullptr;
  EXPECT_THAT(refusal(options), HasSubstr("train.loss = \"model\": needs model.file"));
}

// x(0) and the frozen part come from `initial`.
TEST(ScriptModelTest, BeginsWithWhatItIsGiven) {
  TrainerOptions options = own_options(saved(linear_module(kLinear)));
  options.model.frozen = {"weight"};
  NamedParameters whole = create(options)->whole_model(create(options)->initial_parameters());
  std::vector<float> other = copy(whole.values);
  for (float& value : other) value += 1;
  whole.values = copy_parameters(other);
  options.initial = std::make_shared<const NamedParameters>(whole);
  options.initial_source = "given.pt";
  const auto trainer = create(options);
  EXPECT_EQ(copy(trainer->initial_parameters())[0], other[4 * 144]);
  EXPECT_EQ(copy(trainer->whole_model(trainer->initial_parameters()).values), other);
  ParameterLayout less;
  less.append("bias", {4});
  options.initial = std::make_shared<const NamedParameters>(
      NamedParameters{less, copy_parameters(std::vector<float>(4))});
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("given.pt: is of another model"),
                                      HasSubstr("\"weight\" is missing")));
}

}  // namespace
}  // namespace skiptrain::learn
