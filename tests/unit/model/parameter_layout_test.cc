#include "model/parameter_layout.h"

#include <gtest/gtest.h>

namespace skiptrain {
namespace {

ParameterLayout linear() {
  ParameterLayout layout;
  layout.append("fc.weight", {10, 4});
  layout.append("fc.bias", {10});
  return layout;
}

TEST(ParameterLayoutTest, PlacesTensorsOneAfterTheOther) {
  ParameterLayout layout = linear();
  layout.append("scale", {});
  layout.append("empty", {0, 3});
  ASSERT_EQ(layout.tensors().size(), 4u);
  EXPECT_EQ(layout.tensors()[0].offset, 0u);
  EXPECT_EQ(layout.tensors()[1].offset, 40u);
  EXPECT_EQ(layout.tensors()[2].offset, 50u);
  EXPECT_EQ(layout.tensors()[2].element_count(), 1u);
  EXPECT_EQ(layout.tensors()[3].element_count(), 0u);
  EXPECT_EQ(layout.parameter_count(), 51u);
}

TEST(ParameterLayoutTest, FingerprintIsKnown) {
  // FNV-1a over length-prefixed fields, computed by an independent implementation: two builds, or
  // two machines, must agree on it.
  EXPECT_EQ(linear().fingerprint(), Fingerprint(0xb3e194c316368f27u));
}

TEST(ParameterLayoutTest, FingerprintTellsNameShapeAndOrderApart) {
  const Fingerprint original = linear().fingerprint();
  ParameterLayout renamed;
  renamed.append("fc1.weight", {10, 4});
  renamed.append("fc.bias", {10});
  EXPECT_NE(renamed.fingerprint(), original);

  ParameterLayout transposed;
  transposed.append("fc.weight", {4, 10});
  transposed.append("fc.bias", {10});
  EXPECT_EQ(transposed.parameter_count(), linear().parameter_count());
  EXPECT_NE(transposed.fingerprint(), original);

  ParameterLayout flattened;
  flattened.append("fc.weight", {40});
  flattened.append("fc.bias", {10});
  EXPECT_NE(flattened.fingerprint(), original);

  ParameterLayout swapped;
  swapped.append("fc.bias", {10});
  swapped.append("fc.weight", {10, 4});
  EXPECT_NE(swapped.fingerprint(), original);
  EXPECT_NE(ParameterLayout().fingerprint(), original);
}

TEST(ParameterLayoutTest, EqualLayoutsHaveEqualFingerprints) {
  EXPECT_EQ(linear(), linear());
  EXPECT_EQ(linear().fingerprint(), linear().fingerprint());
}

}  // namespace
}  // namespace skiptrain
