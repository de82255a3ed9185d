// The table of a tier that is written in 16-lane vectors throughout.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/simd/attention.inl.h"
#include "kernels/simd/indexer.inl.h"
#include "kernels/simd/matmul_float.inl.h"
#include "kernels/simd/probes.inl.h"
#include "kernels/simd/rows.inl.h"
#include "kernels/simd/select.inl.h"
#include "kernels/simd/vectors.inl.h"

namespace fathom::kernels::simd {

template <class F, class Dots>
constexpr KernelTable MakeTable(const char* name) {
  return {
      .name = name,
      .matmul_scratch_bytes = MatmulScratchBytes<F>,
      .matmul_float = MatmulFloat<F>,
      .matmul_quantized = MatmulFloat<F>,
      .activation_bytes = ActivationBytes<F>,
      .quantize_activations = QuantizeActivations<F>,
      .rms_norm = RmsNorm<F>,
      .inverse_rms = InverseRms<F>,
      .weighted_sum = WeightedSum<F>,
      .mix_streams = MixStreams<F>,
      .swiglu = Swiglu<F>,
      .add = Add<F>,
      .rotate = Rotate<F>,
      .hadamard = Hadamard<F>,
      .pack_row = PackRow<F>,
      .expand_rows = ExpandRows<F>,
      .pool = Pool<F>,
      .quantize_e2m1 = QuantizeE2m1<F>,
      .index_scores = IndexScores<F, Dots>,
      .select_largest = SelectLargest<F>,
      .attend = Attend<F>,
      .merge_attention = MergeAttention<F>,
      .finish_attention = FinishAttention<F>,
      .probe_read = ProbeRead<F>,
      .probe_bf16 = ProbeFloat32<F>,
      .probe_int8 = ProbeBytes<F, Dots>,
  };
}

}  // namespace fathom::kernels::simd
