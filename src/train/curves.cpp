#include "train/curves.h"

#include <cstdio>
#include <filesystem>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/atomic_file.h"
#include "base/file.h"

namespace fathom::train {
namespace {

constexpr std::string_view kCurvesHeader =
    "step,tokens,length,rate,next_token_loss,mtp_loss,indexer_loss,accuracy";
constexpr std::string_view kExamsHeader = "step,tokens,loss,accuracy,exam";

std::optional<CurvePoint> ParseCurvePoint(const std::string& line) {
  CurvePoint p;
  LossValues& l = p.losses;
  constexpr int kFields = 8;
  const int found = std::sscanf(line.c_str(), "%ld,%ld,%ld,%lf,%lf,%lf,%lf,%lf", &p.step, &p.tokens,
                                &p.length, &p.rate, &l.next_token, &l.mtp, &l.indexer, &l.accuracy);
  return found == kFields ? std::optional(p) : std::nullopt;
}

std::optional<ExamPoint> ParseExamPoint(const std::string& line) {
  ExamPoint p;
  constexpr int kFields = 4;
  int name = 0;
  const int found = std::sscanf(line.c_str(), "%ld,%ld,%lf,%lf,%n", &p.step, &p.tokens, &p.loss,
                                &p.accuracy, &name);
  if (found != kFields || name == 0) return std::nullopt;
  p.exam = line.substr(static_cast<size_t>(name));
  return p;
}

// The points of a table up to a step.
template <typename Point>
base::Result<std::vector<Point>> ReadTable(const std::string& path, int64_t steps,
                                           std::string_view header,
                                           std::optional<Point> (*parse)(const std::string&)) {
  std::vector<Point> points;
  std::error_code code;
  if (!std::filesystem::exists(path, code)) return points;
  FATHOM_ASSIGN(const std::string text, base::ReadFile(path));
  std::istringstream lines(text);
  std::string line;
  if (!std::getline(lines, line) || line != header)
    return base::MakeError("{}: line 1: expected \"{}\"", path, header);
  for (int number = 2; std::getline(lines, line); ++number) {
    std::optional<Point> point = parse(line);
    if (!point) return base::MakeError("{}: line {}: expected \"{}\"", path, number, header);
    if (point->step <= steps) points.push_back(*std::move(point));
  }
  return points;
}

}  // namespace

base::Result<std::vector<CurvePoint>> ReadCurves(const std::string& path, int64_t steps) {
  return ReadTable(path, steps, kCurvesHeader, ParseCurvePoint);
}

base::Result<std::vector<ExamPoint>> ReadExams(const std::string& path, int64_t steps) {
  return ReadTable(path, steps, kExamsHeader, ParseExamPoint);
}

base::Status WriteCurves(const std::string& path, const std::vector<CurvePoint>& points) {
  std::string text(kCurvesHeader);
  text += '\n';
  for (const CurvePoint& p : points)
    text +=
        fmt::format("{},{},{},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g}\n", p.step, p.tokens, p.length,
                    p.rate, p.losses.next_token, p.losses.mtp, p.losses.indexer, p.losses.accuracy);
  return base::ReplaceFile(path, text);
}

base::Status WriteExams(const std::string& path, const std::vector<ExamPoint>& points) {
  std::string text(kExamsHeader);
  text += '\n';
  for (const ExamPoint& p : points)
    text += fmt::format("{},{},{:.6g},{:.6g},{}\n", p.step, p.tokens, p.loss, p.accuracy, p.exam);
  return base::ReplaceFile(path, text);
}

}  // namespace fathom::train
