// The course of a training, as tables: DIR/curves.csv and DIR/exams.csv.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace fathom::train {

/// Means over what counts, in nats.
struct LossValues {
  double next_token = 0;
  double mtp = 0;
  double indexer = 0;
  double accuracy = 0;  ///< share of the tokens of full weight that are the likeliest
};

/// One step.
struct CurvePoint {
  int64_t step = 0;
  int64_t tokens = 0;  ///< trained on so far
  int64_t length = 0;  ///< of the step's sequences
  double rate = 0;     ///< factor of the learning rates
  LossValues losses;
};

/// What one exam found.
struct ExamPoint {
  int64_t step = 0;  ///< after which it was held
  int64_t tokens = 0;
  std::string exam;     ///< its name, of no comma
  double loss = 0;      ///< of a token of its answers, in nats
  double accuracy = 0;  ///< share of the answers' tokens that are the likeliest
};

/// The points of a file up to a step; none if there is no file. Errors name the file and the line.
base::Result<std::vector<CurvePoint>> ReadCurves(const std::string& path, int64_t steps);
base::Result<std::vector<ExamPoint>> ReadExams(const std::string& path, int64_t steps);

/// Replaces the file.
base::Status WriteCurves(const std::string& path, const std::vector<CurvePoint>& points);
base::Status WriteExams(const std::string& path, const std::vector<ExamPoint>& points);

}  // namespace fathom::train
