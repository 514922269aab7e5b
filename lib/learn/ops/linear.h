// A linear layer, with ReLU behind it if wanted, for training on processors. Inside lib/learn only.
//
// BLAS is at its best with square matrices; a minibatch is a thin one. Here each weight is read
// once in each pass, and its gradient is added where it belongs. Sums have one order, which is not
// that of BLAS.
#pragma once

namespace at {
class Tensor;
}

namespace skiptrain::learn {

enum class Then { kNothing, kRelu };

// As at::linear, and relu: x is float32 [batch, in], weight [out, in], bias [out] or undefined.
// Differentiable once; see gradient_place.h. Throws c10::Error on sizes that do not fit together,
// or another type.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, Then then);

}  // namespace skiptrain::learn
