#include "learn/step_losses.h"

#include <cmath>

#include <torch/torch.h>

namespace skiptrain::learn {

struct StepLosses::Waiting {
  at::Tensor losses;  // float32 [steps]
  std::int64_t count = 0;
};

StepLosses::StepLosses(Place place, std::uint64_t steps) {
  if (place == Place::kHost) return;
  const auto options = at::TensorOptions(at::kFloat).device(device_of(place));
  waiting_ = std::make_unique<Waiting>();
  waiting_->losses = at::empty({static_cast<std::int64_t>(steps)}, options);
}

StepLosses::~StepLosses() = default;

bool StepLosses::add(const at::Tensor& loss) {
  if (waiting_) {
    waiting_->losses[waiting_->count++].copy_(loss);
    return true;
  }
  look(static_cast<double>(loss.item<float>()));
  return !bad_;
}

std::optional<std::uint64_t> StepLosses::first_not_finite() {
  fetch();
  return bad_;
}

double StepLosses::sum() {
  fetch();
  return sum_;
}

void StepLosses::look(double loss) {
  if (!std::isfinite(loss) && !bad_) bad_ = looked_at_;
  ++looked_at_;
  sum_ += loss;
}

void StepLosses::fetch() {
  if (!waiting_ || waiting_->count == 0) return;
  const at::Tensor losses = waiting_->losses.narrow(0, 0, waiting_->count).cpu();
  for (std::int64_t i = 0; i < losses.size(0); ++i) {
    look(static_cast<double>(losses.data_ptr<float>()[i]));
  }
  waiting_->count = 0;
}

}  // namespace skiptrain::learn
