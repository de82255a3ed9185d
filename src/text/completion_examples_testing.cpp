#include "text/completion_examples_testing.h"

namespace fathom::text {
namespace {

using Examples = std::vector<CompletionExample>;

// Text and reasoning.
Examples FreeTextExamples() {
  return {
      {"Content", kChat, "Hi < you\n\n", "", "Hi < you\n\n", {}, {}},
      {"ReasoningAndContent", kThinking, "hm\n</think>Hi", "hm\n", "Hi", {}, {}},
      {"NoReasoning", kThinking, "</think>Hi", "", "Hi", {}, {}},
      {"UnclosedReasoning",
       kThinking,
       "hm</thin",
       "hm</thin",
       "",
       {},
       {"the reasoning has no end"}},
      {"ThinkEndInContentIsText", kChat, "a</think>b", "", "a</think>b", {}, {}},
      {"EndToken", kChat, "Hi<｜end▁of▁sentence｜>", "", "Hi", {}, {}},
      {"EndTokenInside", kChat, "Hi<｜end▁of▁sentence｜>.", "", "Hi<｜end▁of▁sentence｜>.", {}, {}},
  };
}

// Blocks of calls, as the format has them or nearly.
Examples BlockExamples() {
  return {
      {"Calls",
       kThinking,
       "r</think>Look:\n\n<｜DSML｜tool_calls>\n"
       "<｜DSML｜invoke name=\"get\">\n"
       "<｜DSML｜parameter name=\"city\" string=\"true\">\"北\n京\"</｜DSML｜parameter>\n"
       "<｜DSML｜parameter name=\"days\" string=\"false\">[1,2.50]</｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\n"
       "<｜DSML｜invoke name=\"now\">\n\n</｜DSML｜invoke>\n"
       "</｜DSML｜tool_calls><｜end▁of▁sentence｜>",
       "r",
       "Look:",
       {R"(get {"city": "\"北\n京\"", "days": [1,2.50]})", "now {}"},
       {}},
      {"OnlyTwoLineEndsBelongToTheBlock",
       kChat,
       "a\n\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n</｜DSML｜invoke>\n"
       "</｜DSML｜tool_calls>\n",
       "",
       "a\n",
       {"f {}"},
       {}},
      {"BlockInAMidline",
       kChat,
       "a <｜DSML｜tool_calls><｜DSML｜invoke name=\"f\"></｜DSML｜invoke></｜DSML｜tool_calls>",
       "",
       "a ",
       {"f {}"},
       {}},
      {"TwoBlocks",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"
       "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke "
       "name=\"g\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "",
       {"f {}", "g {}"},
       {}},
  };
}

// Tags as models spell them.
Examples SpellingExamples() {
  return {
      {"LostFirstBar",
       kChat,
       "<DSML｜tool_calls>\n<DSML｜invoke name=\"f\">\n"
       "<DSML｜parameter name=\"a\" string=\"true\">x</DSML｜parameter>\n"
       "</DSML｜invoke>\n</DSML｜tool_calls>",
       "",
       "",
       {R"(f {"a": "x"})"},
       {}},
      {"DoubledAndAsciiBars",
       kChat,
       "<｜｜DSML｜｜tool_calls>\n<||DSML||invoke name=\"f\">\n"
       "<|DSML|parameter name='a' string='true' >x</｜｜DSML｜｜parameter>\n"
       "</｜DSML｜｜invoke>\n</DSMLtool_calls >",
       "",
       "",
       {R"(f {"a": "x"})"},
       {}},
      {"TypographicQuotes",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=“f”>\n"
       "<｜DSML｜parameter string=“False” name=“a”>1</｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "",
       {R"(f {"a": 1})"},
       {}},
      {"PlainTags",
       kChat,
       "ok\n\n<tool_calls>\n<invoke name=\"f\">\n<parameter name=\"a\" "
       "string=\"false\">1</parameter>\n"
       "</invoke>\n</tool_calls>",
       "",
       "ok",
       {R"(f {"a": 1})"},
       {}},
  };
}

// What looks like tags and is text.
Examples OtherTextExamples() {
  return {
      {"PlainTagsInALineAreText",
       kChat,
       "write <tool_calls>\n<invoke name=\"f\">\n</invoke>\n</tool_calls>",
       "",
       "write <tool_calls>\n<invoke name=\"f\">\n</invoke>\n</tool_calls>",
       {},
       {}},
      {"PlainTagsInReasoningAreText",
       kThinking,
       "\n<tool_calls>\n<invoke name=\"f\">\n</invoke></think>x",
       "\n<tool_calls>\n<invoke name=\"f\">\n</invoke>",
       "x",
       {},
       {}},
      {"ABlockWithoutCallsIsText",
       kChat,
       "a\n\n<｜DSML｜tool_calls>\n</｜DSML｜tool_calls>",
       "",
       "a\n\n<｜DSML｜tool_calls>\n</｜DSML｜tool_calls>",
       {},
       {"a block of tool calls begins without a call"}},
      {"FieldsWithoutACallAreText",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜command>ls</｜DSML｜parameter>",
       "",
       "<｜DSML｜tool_calls>\n<｜DSML｜command>ls</｜DSML｜parameter>",
       {},
       {"a block of tool calls begins without a call"}},
      {"AnInterruptedOpeningIsText",
       kChat,
       "a\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f",
       "",
       "a\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f",
       {},
       {"a block of tool calls begins without a call"}},
      {"AnOrphanClosingTagIsText",
       kChat,
       "a</｜DSML｜tool_calls>b",
       "",
       "a</｜DSML｜tool_calls>b",
       {},
       {}},
  };
}

// Calls inside the reasoning.
Examples ReasoningExamples() {
  return {
      {"CallsInsideTheReasoning",
       kThinking,
       "I call\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n</｜DSML｜invoke>\n"
       "</｜DSML｜tool_calls>",
       "I call",
       "",
       {"f {}"},
       {"the tool calls are inside the reasoning"}},
      {"ReasoningGoesOnAfterItsCalls",
       kThinking,
       "a<｜DSML｜tool_calls><｜DSML｜invoke name=\"f\"></｜DSML｜invoke></｜DSML｜tool_calls>\nb"
       "</think>c",
       "a\nb",
       "c",
       {"f {}"},
       {"the tool calls are inside the reasoning", "text after the tool calls"}},
  };
}

// Parameters, by their tags.
Examples ParameterExamples() {
  return {
      {"AStringWithoutItsAttribute",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"a\">12</｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "",
       {R"(f {"a": "12"})"},
       {R"(call 1 ("f") does not say whether the parameter "a" is a string)"}},
      {"ParametersInAParameter",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"o\">\n"
       "<｜DSML｜parameter name=\"x\" string=\"false\">1</｜DSML｜parameter>\n"
       "<｜DSML｜parameter name=\"o\">\n"
       "<｜DSML｜parameter name=\"x\" string=\"true\">1</｜DSML｜parameter>\n"
       "</｜DSML｜parameter>\n</｜DSML｜parameter>\n"
       "<｜DSML｜parameter name=\"y\" string=\"true\">z</｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "",
       {R"(f {"o": {"x": 1, "o": {"x": "1"}}, "y": "z"})"},
       {R"(call 1 ("f") does not say whether the parameter "o" is a string)"}},
      {"ARepeatedParameterIsContent",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"a\" string=\"true\">1</｜DSML｜parameter>\n"
       "<｜DSML｜parameter name=\"a\" string=\"true\">2</｜DSML｜parameter>\n"
       "<｜DSML｜parameter name=\"b\" string=\"true\">3</｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "<｜DSML｜parameter name=\"a\" string=\"true\">2</｜DSML｜parameter>",
       {R"(f {"a": "1", "b": "3"})"},
       {R"(call 1 ("f") has the parameter "a" twice)"}},
      {"QuotesInNames",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"a\"b>c\">\n"
       "<｜DSML｜parameter name=\"d\"e\" string=\"true\">1</｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "",
       {R"(a"b>c {"d\"e": "1"})"},
       {}},
  };
}

// What stands in parameters.
Examples ValueExamples() {
  return {
      {"InvalidJsonBecomesAString",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"a\" string=\"false\">{\"b\": True}</｜DSML｜parameter>\n"
       "<｜DSML｜parameter name=\"c\" string=\"false\">NaN</｜DSML｜parameter>\n"
       "<｜DSML｜parameter name=\"d\" string=\"false\"> {\"b\":\n1} </｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "",
       {"f {\"a\": \"{\\\"b\\\": True}\", \"c\": \"NaN\", \"d\":  {\"b\":\n1} }"},
       {R"(call 1 ("f"): the parameter "a" is not JSON and becomes a string)",
        R"(call 1 ("f"): the parameter "c" is not JSON and becomes a string)"}},
      {"InvalidUtf8",
       kChat,
       "a\xFF\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"a\" string=\"true\">\xE4\xB8</｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "a\xFF",
       {"f {\"a\": \"\uFFFD\uFFFD\"}"},
       {R"(call 1 ("f"): the parameter "a" is not UTF-8)"}},
      {"TagsInAValueAreItsText",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"a\" string=\"true\"><｜DSML｜parameter name=\"b\" "
       "string=\"true\">\n"
       "</parameter></｜DSML｜invoke>\n</think>\n</｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "",
       {"f {\"a\": \"<｜DSML｜parameter name=\\\"b\\\" string=\\\"true\\\">\\n</parameter>"
        "</｜DSML｜invoke>\\n</think>\\n\"}"},
       {}},
  };
}

// Text where the format has none.
Examples StrayTextExamples() {
  return {
      {"TextBeforeTheFirstCallMakesItAllText",
       kChat,
       "<｜DSML｜tool_calls>\nfirst <b>\n<｜DSML｜invoke name=\"f\">\nsecond  one"
       "<｜DSML｜parameter name=\"a\" string=\"true\">1</｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\nthird\n</｜DSML｜tool_calls>\nfourth",
       "",
       "<｜DSML｜tool_calls>\nfirst <b>\n<｜DSML｜invoke name=\"f\">\nsecond  one"
       "<｜DSML｜parameter name=\"a\" string=\"true\">1</｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\nthird\n</｜DSML｜tool_calls>\nfourth",
       {},
       {"a block of tool calls begins without a call"}},
      {"TextInsideACallIsContentAfterIt",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\nsecond  one "
       "<｜DSML｜parameter name=\"a\" string=\"true\">1</｜DSML｜parameter>\n"
       "</｜DSML｜invoke>\nthird\n</｜DSML｜tool_calls>\nfourth",
       "",
       "second  one third\n\nfourth",
       {R"(f {"a": "1"})"},
       {"text between the tags of the tool calls", "text after the tool calls"}},
      {"TextAfterAnUnclosedBlock",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n</｜DSML｜invoke>\nDone.\n\n"
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke "
       "name=\"g\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "Done.\n\n",
       {"f {}", "g {}"},
       {"text between the tags of the tool calls", "a block of tool calls has no end"}},
  };
}

// Tags that were not closed.
Examples MissingEndExamples() {
  return {
      {"MissingEndOfParameter",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"a\" string=\"true\">1\n"
       "<｜DSML｜parameter name=\"b\" string=\"false\">2\n"
       "</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "",
       {R"(f {"a": "1", "b": 2})"},
       {R"(call 1 ("f"): the parameter "a" has no end)",
        R"(call 1 ("f"): the parameter "b" has no end)"}},
      {"PlainEndOfParameter",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"a\" string=\"true\"><x></parameter>\n</x></parameter>\n"
       "</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "",
       "",
       {R"(f {"a": "<x></parameter>\n</x>"})"},
       {R"(call 1 ("f"): the parameter "a" has no end)"}},
      {"MissingEndOfCall",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"a\" string=\"true\">1</｜DSML｜parameter>\n"
       "<｜DSML｜invoke name=\"g\">\n</｜DSML｜tool_calls>",
       "",
       "",
       {R"(f {"a": "1"})", "g {}"},
       {R"(call 1 ("f") has no end)", R"(call 2 ("g") has no end)"}},
      {"MissingEndOfBlock",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n</｜DSML｜invoke>\n",
       "",
       "",
       {"f {}"},
       {"a block of tool calls has no end"}},
  };
}

// Texts that end inside a call.
Examples CutExamples() {
  return {
      {"TheTextEndsInAString",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"a\" string=\"true\">some <｜DSML",
       "",
       "",
       {R"(f {"a": "some <｜DSML"}...)"},
       {R"(the text ends inside call 1 ("f"))"}},
      {"TheTextEndsInJson",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"a\" string=\"false\">[1,<｜end▁of▁sentence｜>",
       "",
       "",
       {R"(f {"a": "[1,"}...)"},
       {R"(the text ends inside call 1 ("f"))",
        R"(call 1 ("f"): the parameter "a" is not JSON and becomes a string)"}},
      {"TheTextEndsBetweenParameters",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
       "<｜DSML｜parameter name=\"o\"><｜DSML｜parameter name=\"a\" string=\"true\">1"
       "</｜DSML｜parameter>\n",
       "",
       "",
       {R"(f {"o": {"a": "1"}}...)"},
       {R"(call 1 ("f") does not say whether the parameter "o" is a string)",
        R"(the text ends inside call 1 ("f"))"}},
      {"TheTextEndsBeforeAValue",
       kChat,
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"o\"> ",
       "",
       "",
       {R"(f {"o": " "}...)"},
       {R"(call 1 ("f") does not say whether the parameter "o" is a string)",
        R"(the text ends inside call 1 ("f"))"}},
  };
}

}  // namespace

std::vector<CompletionExample> CompletionExamples() {
  Examples all;
  for (const auto& group :
       {FreeTextExamples, BlockExamples, SpellingExamples, OtherTextExamples, ReasoningExamples,
        ParameterExamples, ValueExamples, StrayTextExamples, MissingEndExamples, CutExamples})
    for (CompletionExample& example : group()) all.push_back(std::move(example));
  return all;
}

}  // namespace fathom::text
