#include "measure/reference_cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "measure/attention_check.h"
#include "measure/lightning_indexer.h"
#include "measure/random_fill.h"
#include "numerics/e4m3.h"
#include "ops/attention.h"
#include "ops/matmul.h"
#include "tensor/matrix.h"

namespace fathom::measure {
namespace {

constexpr int64_t kRowsPerPage = 4096;

/// DeepSeek-V3.2's published dimensions.
struct V32 {
  static constexpr int64_t kHeads = 128;
  static constexpr numerics::RowLayout kRow{.head_dim = 576, .rope_dim = 64};
  static constexpr int64_t kLatentDim = 512;
  static constexpr int64_t kQueryDim = 192;  ///< that logits are scaled for
  static constexpr int64_t kIndexHeads = 64;
  static constexpr int64_t kIndexDim = 128;
  static constexpr int64_t kTopK = 2048;
};

struct Gqa {
  static constexpr int64_t kKvHeads = 8;
  static constexpr int64_t kHeadDim = 128;
  /// A key and its value, all BF16.
  static constexpr numerics::RowLayout kRow{.head_dim = 2 * kHeadDim, .rope_dim = 2 * kHeadDim};
};

std::vector<float> RandomFloats(RandomBits& random, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = random.NextFloat();
  return values;
}

kv::PagedRecords MakeRows(base::ThreadPool& pool, numerics::RowLayout layout, int64_t count,
                          uint64_t seed) {
  kv::PagedRecords rows(layout.row_bytes(), kRowsPerPage);
  rows.Append(count);
  pool.ForEach((count + kRowsPerPage - 1) / kRowsPerPage, [&](int64_t page, int) {
    RandomBits random(seed + static_cast<uint64_t>(page));
    const int64_t end = std::min(count, (page + 1) * kRowsPerPage);
    for (int64_t r = page * kRowsPerPage; r < end; ++r) FillRow(layout, random, rows.record(r));
  });
  return rows;
}

class MlaCase final : public AttentionCase {
 public:
  MlaCase(const AttentionSetting& setting, int64_t tokens)
      : tokens_(tokens),
        indexed_(tokens > V32::kTopK),
        rows_(MakeRows(setting.pool, V32::kRow, tokens, setting.seed << 32)),
        params_{.layout = V32::kRow,
                .heads = V32::kHeads,
                .key_dim = V32::kRow.head_dim,
                .value_dim = V32::kLatentDim,
                .scale = 1 / std::sqrt(static_cast<float>(V32::kQueryDim))},
        context_(
            setting.kernels, setting.pool,
            std::max(ops::AttentionScratchBytes(params_),
                     LightningScratchBytes(setting.kernels, V32::kIndexHeads, V32::kIndexDim))) {
    RandomBits random(setting.seed);
    query_ = RandomFloats(random, V32::kHeads * V32::kRow.head_dim);
    out_.resize(static_cast<size_t>(V32::kHeads * V32::kLatentDim));
    if (indexed_) MakeIndexer(random);
    visible_.rows = &rows_;
    visible_.selected = indexed_ ? selected_.data() : nullptr;
    visible_.row_count = std::min(tokens, V32::kTopK);
  }

  void Run() override {
    if (indexed_) {
      ScoreKeys(context_,
                {.rows = index_query_.view().data,
                 .stride = index_query_.view().stride,
                 .head_weights = head_weights_.data(),
                 .heads = V32::kIndexHeads},
                Keys(), scores_.data());
      context_.kernels.select_largest(scores_.data(), tokens_, V32::kTopK, selected_.data());
    }
    ops::Attend(context_, params_, {&visible_, 1}, query_.data(), out_.data(), partial_);
  }

  base::Status Check() const override {
    if (indexed_)
      FATHOM_TRY(
          CheckSelection(tokens_, selected_, [&](int64_t key) { return ScoreExactly(key); }));
    for (const int64_t head : {int64_t{0}, V32::kHeads - 1})
      FATHOM_TRY(CheckHead(params_, visible_, head, query_.data() + head * params_.key_dim,
                           out_.data() + head * params_.value_dim));
    return {};
  }

 private:
  tensor::WeightMatrix Keys() const {
    return {.format = tensor::WeightFormat::kE4m3,
            .rows = tokens_,
            .cols = V32::kIndexDim,
            .data = keys_.data(),
            .scales = key_scales_.data()};
  }

  void MakeIndexer(RandomBits& random) {
    keys_ = tensor::Matrix<std::byte>(tokens_, V32::kIndexDim);
    const uint64_t seed = random.Next();
    context_.pool.ForRanges(tokens_, 1024, [&](int64_t begin, int64_t end, int) {
      RandomBits bits(seed + static_cast<uint64_t>(begin));
      for (int64_t i = begin * V32::kIndexDim; i < end * V32::kIndexDim; i += 8) {
        const uint64_t codes = bits.Next() & 0xBFBF'BFBF'BFBF'BFBFu;  // below 2, see FillRow
        std::memcpy(keys_.data() + i, &codes, sizeof codes);
      }
    });
    key_scales_.assign(static_cast<size_t>((tokens_ + 127) / 128), 127);
    // Integers of four bits: quantisation leaves them as they are.
    index_values_.resize(static_cast<size_t>(V32::kIndexHeads * V32::kIndexDim));
    for (float& value : index_values_) {
      const uint64_t bits = random.Next();
      value = static_cast<float>(8 + bits % 8) * ((bits & 8) != 0 ? -1.0f : 1.0f);
    }
    index_query_ = ops::QuantizedRows(context_.kernels, tensor::WeightFormat::kE4m3,
                                      V32::kIndexHeads, V32::kIndexDim);
    ops::QuantizeRows(context_, index_values_.data(), V32::kIndexHeads, index_query_);
    head_weights_ = RandomFloats(random, V32::kIndexHeads);
    scores_ = tensor::Matrix<float>(1, tokens_);
    selected_.resize(static_cast<size_t>(V32::kTopK));
  }

  double ScoreExactly(int64_t key) const {
    const auto* codes = reinterpret_cast<const uint8_t*>(keys_.row(key));
    double score = 0;
    for (int64_t h = 0; h < V32::kIndexHeads; ++h) {
      double dot = 0;
      for (int64_t d = 0; d < V32::kIndexDim; ++d)
        dot += double{index_values_[static_cast<size_t>(h * V32::kIndexDim + d)]} *
               numerics::E4m3ToFloat(codes[d]);
      score += std::max(dot, 0.0) * head_weights_[static_cast<size_t>(h)];
    }
    return score;
  }

  int64_t tokens_;
  bool indexed_;
  kv::PagedRecords rows_;
  ops::AttentionParams params_;
  ops::Context context_;
  std::vector<float> query_;  // [heads, 576]
  std::vector<float> out_;    // [heads, 512]
  ops::VisibleRows visible_;
  tensor::Matrix<std::byte> keys_;   // [tokens, 128] E4M3
  std::vector<uint8_t> key_scales_;  // one for 128 keys
  std::vector<float> index_values_;  // [64, 128], exact in the quantised query
  ops::QuantizedRows index_query_;   // [64, 128]
  std::vector<float> head_weights_;  // [64]
  tensor::Matrix<float> scores_;     // [1, tokens]
  std::vector<int32_t> selected_;    // [top k]
  ops::GrowingScratch partial_;
};

class GqaCase final : public AttentionCase {
 public:
  GqaCase(const AttentionSetting& setting, int64_t heads, int64_t tokens)
      : params_{.layout = Gqa::kRow,
                .heads = heads / Gqa::kKvHeads,
                .key_dim = Gqa::kHeadDim,
                .value_begin = Gqa::kHeadDim,
                .value_dim = Gqa::kHeadDim,
                .scale = 1 / std::sqrt(static_cast<float>(Gqa::kHeadDim))},
        context_(setting.kernels, setting.pool, ops::AttentionScratchBytes(params_)) {
    RandomBits random(setting.seed);
    query_ = RandomFloats(random, heads * Gqa::kHeadDim);
    out_.resize(query_.size());
    for (int64_t h = 0; h < Gqa::kKvHeads; ++h)
      rows_.push_back(MakeRows(setting.pool, Gqa::kRow, tokens, random.Next()));
    // A head of keys and values with its heads of queries is what a token is elsewhere.
    visible_.resize(rows_.size());
    for (size_t h = 0; h < rows_.size(); ++h) {
      visible_[h].rows = &rows_[h];
      visible_[h].row_count = tokens;
    }
  }

  void Run() override {
    ops::Attend(context_, params_, visible_, query_.data(), out_.data(), partial_);
  }

  base::Status Check() const override {
    // The first head of the first group and the last of the last.
    const auto heads = static_cast<int64_t>(query_.size()) / Gqa::kHeadDim;
    for (const int64_t head : {int64_t{0}, heads - 1})
      FATHOM_TRY(CheckHead(params_, visible_[static_cast<size_t>(head / params_.heads)],
                           head % params_.heads, query_.data() + head * Gqa::kHeadDim,
                           out_.data() + head * Gqa::kHeadDim));
    return {};
  }

 private:
  ops::AttentionParams params_;
  ops::Context context_;
  std::vector<float> query_;  // [heads, 128]
  std::vector<float> out_;    // [heads, 128]
  std::vector<kv::PagedRecords> rows_;
  std::vector<ops::VisibleRows> visible_;
  ops::GrowingScratch partial_;
};

}  // namespace

AttentionWork CountMlaWork(int64_t tokens) {
  const int64_t read = std::min(tokens, V32::kTopK);
  const int64_t key_bytes = tokens * V32::kIndexDim + (tokens + 127) / 128;
  AttentionWork work;
  work.cache_bytes = tokens * V32::kRow.row_bytes() + key_bytes;
  work.bytes_read = read * V32::kRow.row_bytes();
  work.macs = static_cast<double>(V32::kHeads * (V32::kRow.head_dim + V32::kLatentDim) * read);
  if (tokens <= V32::kTopK) return work;
  work.bytes_read += key_bytes;
  work.macs += static_cast<double>(V32::kIndexHeads * V32::kIndexDim * tokens);
  return work;
}

std::unique_ptr<AttentionCase> MakeMlaCase(const AttentionSetting& setting, int64_t tokens) {
  return std::make_unique<MlaCase>(setting, tokens);
}

AttentionWork CountGqaWork(int64_t heads, int64_t tokens) {
  AttentionWork work;
  work.cache_bytes = Gqa::kKvHeads * Gqa::kRow.row_bytes() * tokens;
  work.bytes_read = work.cache_bytes;
  work.macs = static_cast<double>(heads * 2 * Gqa::kHeadDim * tokens);
  return work;
}

std::unique_ptr<AttentionCase> MakeGqaCase(const AttentionSetting& setting, int64_t heads,
                                           int64_t tokens) {
  return std::make_unique<GqaCase>(setting, heads, tokens);
}

}  // namespace fathom::measure
