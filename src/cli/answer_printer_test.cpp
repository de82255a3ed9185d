#include "cli/answer_printer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fathom::cli {
namespace {

const std::string kCalls =
    "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"find\">\n"
    "<｜DSML｜parameter name=\"word\" string=\"true\">oak</｜DSML｜parameter>\n"
    "</｜DSML｜invoke>\n<｜DSML｜invoke name=\"stop\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>";

// What is printed for `text`, fed in pieces of `size` bytes.
std::string Print(const std::string& text, const AnswerPrinter::Options& options, size_t size) {
  std::string printed;
  AnswerPrinter printer(options, [&](std::string_view piece) {
    printed += piece;
    return base::Status();
  });
  for (size_t at = 0; at < text.size(); at += size)
    EXPECT_TRUE(printer.Feed(std::string_view(text).substr(at, size)).ok());
  EXPECT_TRUE(printer.Finish().ok());
  return printed;
}

struct Case {
  std::string text;
  AnswerPrinter::Options options;
  std::string printed;
};

TEST(AnswerPrinterTest, ShowsThePartsOfAnAnswerHoweverItArrives) {
  const AnswerPrinter::Options plain = {};
  const AnswerPrinter::Options thinks = {.starts_in_reasoning = true};
  const AnswerPrinter::Options styled = {.starts_in_reasoning = true, .styled = true};
  const std::vector<Case> cases = {
      {"", plain, "\n"},
      {"words", plain, "words\n"},
      {"words\n", plain, "words\n"},
      {"why</think>so", thinks, "<think>why</think>\nso\n"},
      {"why\n</think>so", thinks, "<think>why\n</think>\nso\n"},
      {"cut off", thinks, "<think>cut off</think>\n"},
      {"</think>so", thinks, "so\n"},
      {"why</think>so", styled, "\033[2mwhy\n\033[0m\nso\n"},
      {"why\n</think>so", styled, "\033[2mwhy\n\033[0m\nso\n"},
      {"cut off", styled, "\033[2mcut off\n\033[0m"},
      {"so" + kCalls, plain, "so\n[call find] {\"word\": \"oak\"}\n[call stop] {}\n"},
      {kCalls, plain, "[call find] {\"word\": \"oak\"}\n[call stop] {}\n"},
      {"why</think>" + kCalls, thinks,
       "<think>why</think>\n[call find] {\"word\": \"oak\"}\n[call stop] {}\n"},
  };
  for (const Case& c : cases)
    for (const size_t size : {size_t{1}, size_t{5}, size_t{1000}})
      EXPECT_EQ(Print(c.text, c.options, size), c.printed) << c.text << ", pieces of " << size;
}

TEST(AnswerPrinterTest, PassesOnWhatFailsToPrint) {
  AnswerPrinter printer({}, [](std::string_view) { return base::MakeError("full"); });
  const base::Status status = printer.Feed("words");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "full");
}

}  // namespace
}  // namespace fathom::cli
