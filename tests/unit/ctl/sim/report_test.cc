#include "ctl/sim/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "samples.h"

namespace skiptrain::ctl {
namespace {
TEST(SimReportTest, Placeholder) {
  EXPECT_FALSE(to_html(sample_comparison()).empty());
}
}  // namespace
}  // namespace skiptrain::ctl
