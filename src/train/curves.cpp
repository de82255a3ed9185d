#include "train/curves.h"

#include <cstdio>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "base/atomic_file.h"
#include "base/file.h"

namespace fathom::train {
namespace {

constexpr std::string_view kHeader =
    "step,tokens,length,rate,next_token_loss,mtp_loss,indexer_loss,accuracy";

}  // namespace

base::Result<std::vector<CurvePoint>> ReadCurves(const std::string& path, int64_t steps) {
  std::vector<CurvePoint> points;
  std::error_code code;
  if (!std::filesystem::exists(path, code)) return points;
  FATHOM_ASSIGN(const std::string text, base::ReadFile(path));
  std::istringstream lines(text);
  std::string line;
  if (!std::getline(lines, line) || line != kHeader)
    return base::MakeError("{}: line 1: expected \"{}\"", path, kHeader);
  for (int number = 2; std::getline(lines, line); ++number) {
    CurvePoint p;
    LossValues& l = p.losses;
    constexpr int kFields = 8;
    const int found =
        std::sscanf(line.c_str(), "%ld,%ld,%ld,%lf,%lf,%lf,%lf,%lf", &p.step, &p.tokens, &p.length,
                    &p.rate, &l.next_token, &l.mtp, &l.indexer, &l.accuracy);
    if (found != kFields) return base::MakeError("{}: line {}: expected 8 numbers", path, number);
    if (p.step <= steps) points.push_back(p);
  }
  return points;
}

base::Status WriteCurves(const std::string& path, const std::vector<CurvePoint>& points) {
  std::string text(kHeader);
  text += '\n';
  for (const CurvePoint& p : points)
    text +=
        fmt::format("{},{},{},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g}\n", p.step, p.tokens, p.length,
                    p.rate, p.losses.next_token, p.losses.mtp, p.losses.indexer, p.losses.accuracy);
  return base::ReplaceFile(path, text);
}

}  // namespace fathom::train
