#include "cli/eval_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "cli/format.h"
#include "cli/table.h"
#include "evaluate/heat_map.h"

namespace fathom::cli {
namespace {

// A session is shown by tenths, so that decay shows.
constexpr int64_t kTenths = 10;

struct Share {
  int64_t right = 0;
  int64_t total = 0;

  double value() const {
    return total == 0 ? -1 : static_cast<double>(right) / static_cast<double>(total);
  }
  std::string Format() const { return total == 0 ? "-" : fmt::format("{:.1f} %", 100 * value()); }
};

std::string FormatTokens(int64_t tokens) {
  if (tokens % (1 << 20) == 0) return fmt::format("{}M", tokens >> 20);
  return tokens % 1024 == 0 ? fmt::format("{}K", tokens >> 10) : FormatCount(tokens);
}

// By context, then by depth in per cent.
std::map<int64_t, std::map<int, Share>> GroupRecall(const std::vector<evaluate::RecallRow>& rows) {
  std::map<int64_t, std::map<int, Share>> groups;
  for (const evaluate::RecallRow& row : rows) {
    Share& share = groups[row.context][static_cast<int>(row.depth * 100 + 0.5)];
    share.right += row.correct;
    share.total += row.total;
  }
  return groups;
}

evaluate::HeatMap MakeRecallMap(const std::vector<evaluate::RecallRow>& rows) {
  const auto groups = GroupRecall(rows);
  evaluate::HeatMap map = {.title = "Facts found, per cent",
                           .column_title = "tokens of context",
                           .row_title = "depth",
                           .columns = {},
                           .rows = {},
                           .shares = {}};
  std::map<int, std::vector<double>> by_depth;
  for (const auto& [context, depths] : groups) {
    for (const auto& [depth, share] : depths) {
      auto& shares = by_depth[depth];
      shares.resize(map.columns.size(), -1);
      shares.push_back(share.value());
    }
    map.columns.push_back(FormatTokens(context));
  }
  for (auto& [depth, shares] : by_depth) {
    shares.resize(map.columns.size(), -1);
    map.rows.push_back(fmt::format("{} %", depth));
    map.shares.push_back(shares);
  }
  return map;
}

struct ToolShares {
  Share well_formed;
  Share right_call;
  Share right_answer;
};

// By length of the session, then by tenth of it.
std::map<int64_t, std::map<int64_t, ToolShares>> GroupTools(
    const std::vector<evaluate::ToolsRow>& rows) {
  std::map<int64_t, std::map<int64_t, ToolShares>> groups;
  for (const evaluate::ToolsRow& row : rows) {
    ToolShares& shares = groups[row.turns][(row.turn - 1) * kTenths / row.turns];
    const auto add = [&](Share& share, int64_t right) {
      share.right += right;
      share.total += row.total;
    };
    add(shares.well_formed, row.well_formed);
    add(shares.right_call, row.right_call);
    add(shares.right_answer, row.right_answer);
  }
  return groups;
}

// "turns 21 to 25"
std::string NamePart(int64_t turns, int64_t part) {
  const int64_t first = (part * turns + kTenths - 1) / kTenths + 1;
  const int64_t last = ((part + 1) * turns + kTenths - 1) / kTenths;
  return first >= last ? fmt::format("turn {}", last) : fmt::format("turns {} to {}", first, last);
}

}  // namespace

std::string FormatRecall(const std::vector<evaluate::RecallRow>& rows) {
  const auto groups = GroupRecall(rows);
  std::vector<std::string> heads, all;
  std::map<int, std::vector<std::string>> by_depth;
  for (const auto& [context, depths] : groups) {
    Share sum;
    for (const auto& [depth, share] : depths) {
      auto& cells = by_depth[depth];
      cells.resize(heads.size(), "-");
      cells.push_back(share.Format());
      sum.right += share.right;
      sum.total += share.total;
    }
    heads.push_back(FormatTokens(context));
    all.push_back(sum.Format());
  }
  Table table;
  table.AddRow("depth", heads);
  for (auto& [depth, cells] : by_depth) {
    cells.resize(heads.size(), "-");
    table.AddRow(fmt::format("{} %", depth), cells);
  }
  table.AddRow("all", all);
  return table.Format();
}

Json RecallToJson(const std::vector<evaluate::RecallRow>& rows) {
  Json json = Json::array();
  for (const evaluate::RecallRow& row : rows)
    json.push_back({{"context", row.context},
                    {"depth", row.depth},
                    {"correct", row.correct},
                    {"total", row.total}});
  return json;
}

std::string DrawRecall(const std::vector<evaluate::RecallRow>& rows) {
  return evaluate::DrawHeatMap(MakeRecallMap(rows));
}

std::string FormatTools(const std::vector<evaluate::ToolsRow>& rows) {
  Table table;
  for (const auto& [turns, parts] : GroupTools(rows)) {
    table.AddHeading(fmt::format("Sessions of {} turns", turns));
    table.AddRow("", {"well formed", "right calls", "right answers"});
    for (const auto& [part, shares] : parts)
      table.AddRow(NamePart(turns, part), {shares.well_formed.Format(), shares.right_call.Format(),
                                           shares.right_answer.Format()});
  }
  return table.Format();
}

Json ToolsToJson(const std::vector<evaluate::ToolsRow>& rows) {
  Json json = Json::array();
  for (const evaluate::ToolsRow& row : rows)
    json.push_back({{"turns", row.turns},
                    {"turn", row.turn},
                    {"well_formed", row.well_formed},
                    {"right_call", row.right_call},
                    {"right_answer", row.right_answer},
                    {"total", row.total}});
  return json;
}

std::string DrawTools(const std::vector<evaluate::ToolsRow>& rows) {
  evaluate::HeatMap map = {.title = "Turns answered right, per cent",
                           .column_title = "tenth of the session",
                           .row_title = "turns",
                           .columns = {},
                           .rows = {},
                           .shares = {}};
  for (int64_t part = 1; part <= kTenths; ++part) map.columns.push_back(std::to_string(part));
  for (const auto& [turns, parts] : GroupTools(rows)) {
    map.rows.push_back(FormatCount(turns));
    map.shares.emplace_back(static_cast<size_t>(kTenths), -1);
    for (const auto& [part, shares] : parts)
      map.shares.back()[static_cast<size_t>(part)] = shares.right_answer.value();
  }
  return evaluate::DrawHeatMap(map);
}

std::string FormatPerplexity(const evaluate::Perplexity& perplexity) {
  return fmt::format("{} tokens, {:.4f} nats each: perplexity {:.3f}\n",
                     FormatCount(perplexity.tokens), perplexity.mean_loss, perplexity.perplexity);
}

Json MistakeToJson(const evaluate::Mistake& mistake) {
  return {{"length", mistake.length},
          {"place", mistake.place},
          {"question", mistake.question},
          {"expected", mistake.expected},
          {"said", mistake.said}};
}

Json PerplexityToJson(const evaluate::Perplexity& perplexity) {
  return {{"tokens", perplexity.tokens},
          {"mean_loss", perplexity.mean_loss},
          {"perplexity", perplexity.perplexity}};
}

}  // namespace fathom::cli
