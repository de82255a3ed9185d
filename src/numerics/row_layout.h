// How the rows that a sequence keeps lie in memory.
#pragma once

#include <cstdint>

#include "numerics/block_scale.h"

namespace fathom::numerics {

/// A KV row in memory, `row_bytes` long: (head_dim - rope_dim) E4M3 codes, one UE8M0 scale per 64
/// of them, padding to a multiple of 8 bytes, rope_dim BF16. The published packing: 584 bytes at a
/// head_dim of 512. Every value it can hold is exact in BF16 too.
struct RowLayout {
  int64_t head_dim = 0;
  int64_t rope_dim = 0;

  int64_t code_count() const { return head_dim - rope_dim; }
  int64_t scale_count() const { return code_count() / kRowBlock; }
  int64_t rope_offset() const { return (code_count() + scale_count() + 7) / 8 * 8; }
  int64_t row_bytes() const { return rope_offset() + rope_dim * 2; }
};

/// Rows spread out for arithmetic: BF16 values in blocks of 32, dword i of a block holding dim i in
/// its low half and dim 16+i in its high half. A shift and a mask turn 16 dwords into the float32
/// of 32 dims in their order. The last block is padded with zeros.
struct TileLayout {
  int64_t dim = 0;

  int64_t row_bytes() const { return (dim + 31) / 32 * 64; }
  /// Where the BF16 of dimension d lies in its row, in bytes.
  static int64_t offset(int64_t d) { return d / 32 * 64 + d % 16 * 4 + d % 32 / 16 * 2; }
};

/// Keys of one tile of the indexer.
inline constexpr int64_t kIndexTile = 16;

/// Indexer keys lie in tiles of 16: dim/8 groups of 16 dwords, one a key, then dim/32 groups of 16
/// UE8M0 scale bytes, one a key. Byte b of a key's dword g holds dim 8g+b in its low nibble and dim
/// 8g+4+b in its high nibble: masking a vector of dwords gives four consecutive dims of every key.
struct IndexKeyLayout {
  int64_t dim = 0;

  int64_t code_bytes() const { return dim / 2 * kIndexTile; }
  int64_t tile_bytes() const { return code_bytes() + dim / kFp4Block * kIndexTile; }
};

}  // namespace fathom::numerics
