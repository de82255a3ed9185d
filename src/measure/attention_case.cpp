#include "measure/attention_case.h"

#include <algorithm>

#include "measure/reference_cases.h"
#include "measure/v4_case.h"

namespace fathom::measure {
namespace {

using Kind = AttentionLayer::Kind;

}  // namespace

const char* NameOf(Kind kind) {
  switch (kind) {
    case Kind::kWindow:
      return "window";
    case Kind::kCsa:
      return "CSA";
    case Kind::kHca:
      return "HCA";
    case Kind::kSparseMla:
      return "MLA";
    case Kind::kGroupedQuery:
      return "GQA";
  }
  return "";
}

AttentionWork CountWork(const AttentionLayer& layer, int64_t tokens) {
  if (layer.kind == Kind::kSparseMla) return CountMlaWork(tokens);
  if (layer.kind == Kind::kGroupedQuery) return CountGqaWork(layer.heads, tokens);
  return CountV4Work(*layer.v4, *layer.plan, tokens);
}

std::unique_ptr<AttentionCase> MakeAttentionCase(const AttentionSetting& setting,
                                                 const AttentionLayer& layer, int64_t tokens) {
  if (layer.kind == Kind::kSparseMla) return MakeMlaCase(setting, tokens);
  if (layer.kind == Kind::kGroupedQuery) return MakeGqaCase(setting, layer.heads, tokens);
  return MakeV4Case(setting, *layer.v4, *layer.plan, tokens);
}

}  // namespace fathom::measure
