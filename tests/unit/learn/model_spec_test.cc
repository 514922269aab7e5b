#include "learn/model_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::learn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::uint64_t count_of(const ModelSpec& spec) {
  const auto layout = layout_of(spec);
  EXPECT_TRUE(layout) << layout.error().message;
  if (!layout) return 0;
  EXPECT_EQ(layout->parameter_count(), parameter_count(spec))
      << "the arithmetic and the module disagree on " << spec.name;
  return layout->parameter_count();
}

TEST(ModelSpecTest, ReferenceModelsHaveThePublishedParameterCounts) {
  EXPECT_EQ(count_of({.name = "gn-lenet", .input = {3, 32, 32}, .outputs = 10}), 89'834u);
  EXPECT_EQ(count_of({.name = "gn-lenet", .input = {1, 28, 28}, .outputs = 10}), 83'754u);
  EXPECT_EQ(count_of({.name = "femnist-cnn", .input = {1, 28, 28}, .outputs = 62}), 1'690'046u);
  // LeCun et al. 1998, fully connected form, on images padded to 32x32.
  EXPECT_EQ(count_of({.name = "lenet5", .input = {1, 28, 28}, .outputs = 10}), 61'706u);
  EXPECT_EQ(count_of({.name = "lenet5", .input = {3, 32, 32}, .outputs = 10}), 62'006u);
  EXPECT_EQ(count_of({.name = "mlp", .hidden = {128}, .input = {1, 28, 28}, .outputs = 10}),
            784u * 128 + 128 + 128 * 10 + 10);
}

TEST(ModelSpecTest, CountsHoldForOddAndSmallImages) {
  count_of({.name = "gn-lenet", .input = {2, 9, 31}, .outputs = 3});
  count_of({.name = "gn-lenet", .input = {1, 8, 8}, .outputs = 2});
  count_of({.name = "femnist-cnn", .input = {3, 5, 4}, .outputs = 7});
  count_of({.name = "lenet5", .input = {1, 12, 45}, .outputs = 5});
  count_of({.name = "mlp", .hidden = {}, .input = {1, 1, 1}, .outputs = 2});
  count_of({.name = "mlp", .hidden = {5, 1, 7}, .input = {3, 2, 2}, .outputs = 4});
}

TEST(ModelSpecTest, TensorsAreNamedAsInPyTorch) {
  const auto layout = layout_of({.name = "gn-lenet"});
  ASSERT_TRUE(layout);
  std::vector<std::string> names;
  for (const TensorSpec& tensor : layout->tensors()) names.push_back(tensor.name);
  EXPECT_THAT(
      names, ElementsAre("conv1.weight", "conv1.bias", "norm1.weight", "norm1.bias", "conv2.weight",
                         "conv2.bias", "norm2.weight", "norm2.bias", "conv3.weight", "conv3.bias",
                         "norm3.weight", "norm3.bias", "fc.weight", "fc.bias"));
}

TEST(ModelSpecTest, RefusesWhatCannotBeBuilt) {
  const struct {
    ModelSpec spec;
    std::string part;
  } cases[] = {
      {{.name = "resnet"}, "gn-lenet, femnist-cnn, lenet5, mlp"},
      {{.name = "gn-lenet", .outputs = 0}, "0 outputs: must be from 1 to"},
      {{.name = "gn-lenet", .outputs = kMaxOutputs + 1}, "from 1 to"},
      {{.name = "gn-lenet", .input = {1, 7, 28}}, "too small"},
      {{.name = "lenet5", .input = {1, 28, 11}}, "too small"},
      {{.name = "femnist-cnn", .input = {0, 28, 28}}, "too small"},
      {{.name = "mlp", .input = {1, 5000, 1}}, "too large"},
      {{.name = "mlp", .hidden = {0}}, "hidden width 0"},
      {{.name = "mlp", .hidden = {kMaxHiddenWidth + 1}}, "hidden width"},
      {{.name = "mlp", .hidden = std::vector<std::uint32_t>(kMaxHiddenLayers + 1, 4)}, "layers"},
      {{.name = "mlp", .hidden = {60'000, 60'000}}, "parameters"},
  };
  for (const auto& [spec, part] : cases) {
    const auto layout = layout_of(spec);
    ASSERT_FALSE(layout) << "accepted; expected: " << part;
    EXPECT_EQ(layout.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(layout.error().message, HasSubstr(part));
  }
}

}  // namespace
}  // namespace skiptrain::learn
