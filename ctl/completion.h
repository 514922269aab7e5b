// Shell completion, written out from the command tree itself, so that it never lags behind it.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace skiptrain::ctl {

// `shell` is bash, zsh or fish. The script completes nouns, verbs and long flags.
std::string completion_script(const std::string& shell, const CLI::App& root);

}  // namespace skiptrain::ctl
