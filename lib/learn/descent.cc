#include "learn/descent.h"

#include "learn/gradient_clipping.h"

namespace skiptrain::learn {
namespace {

class HostDescent final : public Descent {
 public:
  HostDescent(const OptimizerOptions& options, double clip_norm, std::size_t parameter_count)
      : clip_norm_(clip_norm), optimizer_(make_optimizer(options, parameter_count)) {}

  void step(FlatModule& flat, double lr) override {
    if (clip_norm_ > 0) clip_gradient_norm(flat.gradients(), flat.trainable(), clip_norm_);
    optimizer_->step(flat.values(), flat.gradients(), flat.trainable(), lr);
  }
  void forget() override { optimizer_->forget(); }

 private:
  const double clip_norm_;
  const std::unique_ptr<Optimizer> optimizer_;
};

}  // namespace

std::unique_ptr<Descent> make_descent(const OptimizerOptions& options, double clip_norm,
                                      const FlatModule& flat) {
  if (flat.place() != Place::kHost) return make_tensor_descent(options, clip_norm, flat);
  return std::make_unique<HostDescent>(options, clip_norm, flat.layout().parameter_count());
}

}  // namespace skiptrain::learn
