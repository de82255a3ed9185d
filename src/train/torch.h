// What this room uses of LibTorch: tensors, and operations that know their own gradients. The whole
// of its headers would take four times as long to compile.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
