#include "learn/device.h"

#include <torch/torch.h>

namespace skiptrain::learn {
namespace {

// The same sums on every run of one GPU, and float32 where it was asked for: cuDNN would otherwise
// round what a convolution takes to 10 bits (TF32).
void make_exact() {
  at::Context& context = at::globalContext();
  context.setBenchmarkCuDNN(false);
  context.setDeterministicCuDNN(true);
  context.setAllowTF32CuDNN(false);
}

tl::unexpected<Error> no_gpu(const std::string& why) {
  return fail(ErrorCode::kPreconditionFailed,
              "train.device = \"cuda\": " + why + "; \"cpu\" and \"auto\" train on the CPU");
}

}  // namespace

Result<Place> find_place(Device device) {
  if (device == Device::kCpu) return Place::kHost;
  if (torch::cuda::is_available()) {
    make_exact();
    return Place::kCuda;
  }
  if (device == Device::kAuto) return Place::kHost;
  return at::hasCUDA() ? no_gpu("LibTorch finds no GPU that it can use (nvidia-smi lists them)")
                       : no_gpu("this LibTorch was built without CUDA");
}

std::string describe(Place place) {
  return place == Place::kCuda ? "a GPU" : "the CPU";
}

c10::Device device_of(Place place) {
  return place == Place::kCuda ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);
}

at::Tensor carried_to(Place place, const at::Tensor& tensor) {
  if (place == Place::kHost) return tensor;
  if (place == Place::kHostTensors) return tensor.clone();
  // From pageable memory the host would wait until the GPU has done all that it was asked for. What
  // is pinned comes from LibTorch's cache, which does not hand it out again before it was read.
  return tensor.pin_memory().to(device_of(place), tensor.scalar_type(), /*non_blocking=*/true);
}

}  // namespace skiptrain::learn
