#include "kernels/portable/portable.h"
#include "kernels/tiers.h"

namespace fathom::kernels {

const KernelTable& PortableKernels() {
  static constexpr KernelTable kTable = {
      .name = "portable",
      .matmul_scratch_bytes = portable::MatmulScratchBytes,
      .matmul_float = portable::MatmulFloat,
      .matmul_quantized = portable::MatmulQuantized,
      .activation_bytes = portable::ActivationBytes,
      .quantize_activations = portable::QuantizeActivations,
      .rms_norm = portable::RmsNorm,
      .inverse_rms = portable::InverseRms,
      .weighted_sum = portable::WeightedSum,
      .mix_streams = portable::MixStreams,
      .swiglu = portable::Swiglu,
      .add = portable::Add,
      .rotate = portable::Rotate,
      .hadamard = portable::Hadamard,
      .pack_row = portable::PackRow,
      .expand_rows = portable::ExpandRows,
      .pool = portable::Pool,
      .quantize_e2m1 = portable::QuantizeE2m1,
      .index_scores = portable::IndexScores,
      .select_largest = portable::SelectLargest,
      .attend = portable::Attend,
      .merge_attention = portable::MergeAttention,
      .finish_attention = portable::FinishAttention,
      .probe_read = portable::ProbeRead,
      .probe_bf16 = portable::ProbeBf16,
      .probe_int8 = portable::ProbeInt8,
  };
  return kTable;
}

}  // namespace fathom::kernels
