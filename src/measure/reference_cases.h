// What DeepSeek-V4's attention is compared with: DeepSeek-V3.2's sparse latent attention, and
// grouped-query attention in BF16.
#pragma once

#include "measure/attention_case.h"

namespace fathom::measure {

/// The latent row is kept as this engine keeps rows, 648 bytes; the published packing has 656, and
/// 132 bytes instead of 128 for a key.
AttentionWork CountMlaWork(int64_t tokens);
std::unique_ptr<AttentionCase> MakeMlaCase(const AttentionSetting& setting, int64_t tokens);

/// 8 heads of keys and values, each shared by heads / 8 heads of queries.
AttentionWork CountGqaWork(int64_t heads, int64_t tokens);
std::unique_ptr<AttentionCase> MakeGqaCase(const AttentionSetting& setting, int64_t heads,
                                           int64_t tokens);

}  // namespace fathom::measure
