// ReLU and 2x2 max-pool with stride 2 in one pass, and its gradient. Inside lib/learn only.
//
// ATen's scalar max_pool2d keeps a 64-bit index per output and branches on every value: it takes a
// quarter of a GN-LeNet step and half of an evaluation. Here a branch-free loop keeps one byte per
// output. Equal to max_pool2d(x, 2).relu() bit for bit, in value and gradient, also for ties (the
// first wins), NaN (the last wins, and passes its gradient) and odd sizes (the last row or column
// is left out).
#pragma once

namespace at {
class Tensor;
}

namespace skiptrain::learn {

// x: float32 [batch, channels, height, width], height and width at least 2. Differentiable once.
// Throws c10::Error on another shape or type.
at::Tensor relu_max_pool(const at::Tensor& x);

}  // namespace skiptrain::learn
