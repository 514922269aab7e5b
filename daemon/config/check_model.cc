// The checks of [model] that take more than one key.
#include "daemon/config/document.h"
#include "daemon/config/values.h"

namespace skiptrain::daemon {

void check_model(Document& document) {
  const Config& config = document.config;
  if (document.is_set("model.file")) {
    if (document.is_mentioned("model.name")) {
      document.complain("model.file", "must be left out when model.name is set; choose one");
    } else if (document.is_set("model.hidden")) {
      document.complain("model.hidden", "must be left out with model.file; it is for mlp");
    }
    return;
  }
  if (document.is_mentioned("model.file")) return;  // and refused
  if (!document.is_mentioned("model.name") && document.is_mentioned("model")) {
    document.complain_of_missing("model.name",
                                 "gn-lenet, femnist-cnn, lenet5 or mlp; or model.file, a "
                                 "TorchScript file of a model of one's own");
  }
  if (document.is_set("train.loss") && config.train.loss == Loss::kModel) {
    document.complain("train.loss", "needs model.file, a model with a loss of its own");
  }
}

}  // namespace skiptrain::daemon
