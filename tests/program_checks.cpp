#include "program_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace fathom::tests {

const std::string& RecallModel() {
  static const std::string kPath = FATHOM_SOURCE_DIR "/tests/models/recall";
  return kPath;
}

const std::string& NanoFlash() {
  static const std::string kPath = FATHOM_SOURCE_DIR "/tests/goldens/nano-flash";
  return kPath;
}

std::string RunWell(const Arguments& arguments, const ProgramOptions& options) {
  const Outcome outcome = RunProgram(arguments, options);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

void ExpectFailure(const Arguments& arguments, int exit_code, const std::string& message,
                   const ProgramOptions& options) {
  using testing::AllOf, testing::EndsWith, testing::HasSubstr, testing::StartsWith;
  SCOPED_TRACE(testing::PrintToString(arguments));
  const Outcome outcome = RunProgram(arguments, options);
  EXPECT_EQ(outcome.exit_code, exit_code);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, AllOf(StartsWith("fathom: "), EndsWith("\n"), HasSubstr(message)));
  EXPECT_EQ(CountLines(outcome.err), 1) << outcome.err;
}

int64_t CountLines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

}  // namespace fathom::tests
