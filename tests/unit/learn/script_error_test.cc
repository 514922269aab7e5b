#include "learn/script_error.h"

#include <gtest/gtest.h>

namespace skiptrain::learn {
namespace {

TEST(ScriptErrorTest, TheLineThatNamesAnErrorIsTheEssentialOne) {
  EXPECT_EQ(
      essential_line("The following operation failed in the TorchScript interpreter.\n"
                     "Traceback of TorchScript (most recent call last):\n"
                     "  File \"code/__torch__.py\", line 16, in forward\n"
                     "    raise ValueError: no\n"
                     "RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x5 and 4x4)\n"),
      "RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x5 and 4x4)");
  EXPECT_EQ(essential_line("Traceback:\nbuiltins.ValueError: three is no good\n\n"),
            "builtins.ValueError: three is no good");
}

TEST(ScriptErrorTest, ElseItIsTheFirst) {
  EXPECT_EQ(essential_line("\nUnknown builtin op: own::gone.\nIt may not exist: look\n"),
            "Unknown builtin op: own::gone.");
  EXPECT_EQ(essential_line(""), "");
}

}  // namespace
}  // namespace skiptrain::learn
