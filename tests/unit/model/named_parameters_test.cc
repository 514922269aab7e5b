#include "model/named_parameters.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain {
namespace {

using ::testing::HasSubstr;

NamedParameters named(const std::vector<std::pair<std::string, std::vector<float>>>& tensors) {
  ParameterLayout layout;
  std::vector<float> values;
  for (const auto& [name, numbers] : tensors) {
    layout.append(name, {static_cast<std::int64_t>(numbers.size())});
    values.insert(values.end(), numbers.begin(), numbers.end());
  }
  return {layout, copy_parameters(values)};
}

std::vector<float> numbers(const ParametersPtr& parameters) {
  return {parameters->values().begin(), parameters->values().end()};
}

TEST(NamedParametersTest, SelectsByNameInTheOrderThatIsWanted) {
  const NamedParameters file = named({{"b", {3}}, {"a", {1, 2}}});
  const ParameterLayout wanted = named({{"a", {0, 0}}, {"b", {0}}}).layout;
  const auto selected = select_parameters(file, wanted, "file");
  ASSERT_TRUE(selected) << selected.error().message;
  EXPECT_EQ(numbers(*selected), (std::vector<float>{1, 2, 3}));
}

TEST(NamedParametersTest, RefusesWhatIsMissingOtherOrTooMuch) {
  const ParameterLayout wanted = named({{"a", {0, 0}}, {"b", {0}}}).layout;
  const std::pair<NamedParameters, const char*> cases[] = {
      {named({{"a", {1, 2}}}), "f: is of another model: tensor \"b\" is missing"},
      {named({{"a", {1}}, {"b", {3}}}), "tensor \"a\" has shape [1], but the model's is [2]"},
      {named({{"a", {1, 2}}, {"b", {3}}, {"c", {4}}}), "a tensor \"c\" that this model does not"}};
  for (const auto& [file, message] : cases) {
    const auto selected = select_parameters(file, wanted, "f");
    ASSERT_FALSE(selected) << message;
    EXPECT_EQ(selected.error().code, ErrorCode::kMismatch);
    EXPECT_THAT(selected.error().message, HasSubstr(message));
  }
}

TEST(NamedParametersTest, FallsBackForWhatIsMissing) {
  const NamedParameters fallback = named({{"b", {7}}});
  const ParameterLayout wanted = named({{"a", {0}}, {"b", {0}}}).layout;
  const auto without = select_parameters(named({{"a", {1}}}), wanted, "f", &fallback);
  ASSERT_TRUE(without);
  EXPECT_EQ(numbers(*without), (std::vector<float>{1, 7}));
  const auto with = select_parameters(named({{"a", {1}}, {"b", {2}}}), wanted, "f", &fallback);
  ASSERT_TRUE(with);
  EXPECT_EQ(numbers(*with), (std::vector<float>{1, 2}));
  EXPECT_FALSE(select_parameters(named({{"b", {2}}}), wanted, "f", &fallback));
}

TEST(NamedParametersTest, FiltersInOrder) {
  const NamedParameters some =
      filter_parameters(named({{"a", {1}}, {"b", {2, 3}}, {"c", {4}}}),
                        [](const std::string& name) { return name != "a"; });
  ASSERT_EQ(some.layout.tensors().size(), 2u);
  EXPECT_EQ(some.layout.tensors()[1].offset, 2u);
  EXPECT_EQ(numbers(some.values), (std::vector<float>{2, 3, 4}));
}

}  // namespace
}  // namespace skiptrain
