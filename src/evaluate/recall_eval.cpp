#include "evaluate/recall_eval.h"

#include <algorithm>
#include <utility>

#include "data/fit_document.h"
#include "data/random.h"
#include "data/recall_document.h"

namespace fathom::evaluate {
namespace {

using data::RecallDocument;
using data::RecallFact;

constexpr int64_t kDepths = 10;

// Tokens of an answer that names so many facts, and some to be wrong with.
int64_t AnswerTokens(const RecallEvalOptions& options) {
  return (options.invented ? 32 : 16) * options.needles;
}

std::string Question(std::span<const RecallFact> facts) {
  return facts.size() == 1 ? data::RecallQuestion(facts.front()) : data::RecallQuestion(facts);
}

text::Conversation Ask(const RecallDocument& document, std::span<const RecallFact> facts) {
  text::Conversation conversation;
  conversation.messages.push_back({.role = text::Role::kSystem, .content = document.text});
  conversation.messages.push_back({.role = text::Role::kUser, .content = Question(facts)});
  return conversation;
}

// A document whose prompts are as long as can be without being longer than the context.
base::Result<RecallDocument> FitDocument(const Examinee& examinee, const RecallEvalOptions& options,
                                         int64_t context, uint64_t seed) {
  const auto count = [&](const RecallDocument& document) -> base::Result<int64_t> {
    const std::span<const RecallFact> asked(document.facts.data(),
                                            static_cast<size_t>(options.needles));
    FATHOM_ASSIGN(const auto prompt,
                  examinee.Encode(Ask(document, asked), text::ThinkingEffort::kNone));
    return std::ssize(prompt);
  };
  auto document =
      data::FitRecallDocument({.seed = seed, .facts = options.facts, .invented = options.invented},
                              context - AnswerTokens(options), count);
  if (!document.ok())
    return base::MakeError("a context of {} tokens: {}", context, document.error().message);
  return document;
}

// What an answer says of each fact stands between commas.
std::vector<std::string> SplitAnswer(std::string_view answer) {
  std::vector<std::string> parts;
  while (true) {
    const size_t comma = answer.find(',');
    std::string_view part = answer.substr(0, comma);
    while (part.starts_with(' ') || part.starts_with('\n')) part.remove_prefix(1);
    while (part.ends_with(' ') || part.ends_with('\n')) part.remove_suffix(1);
    parts.emplace_back(part);
    if (comma == std::string_view::npos) return parts;
    answer.remove_prefix(comma + 1);
  }
}

// The questions of a document: each fact once, by itself or among others in a random order.
std::vector<std::vector<RecallFact>> MakeQuestions(const RecallDocument& document, int64_t needles,
                                                   uint64_t seed) {
  std::vector<RecallFact> facts = document.facts;
  data::Random random(seed);
  if (needles > 1)
    for (size_t i = 0; i < facts.size(); ++i)
      std::swap(facts[i], facts[i + random.Below(facts.size() - i)]);
  std::vector<std::vector<RecallFact>> questions;
  const auto size = static_cast<size_t>(needles);
  for (size_t i = 0; i + size <= facts.size(); i += size)
    questions.emplace_back(facts.begin() + static_cast<ptrdiff_t>(i),
                           facts.begin() + static_cast<ptrdiff_t>(i + size));
  return questions;
}

class Examination {
 public:
  Examination(Examinee& examinee, const RecallEvalOptions& options, const EvalWatch& watch)
      : examinee_(examinee), options_(options), watch_(watch) {}

  base::Status Run(int64_t context) {
    for (int64_t i = 0; i < kDepths; ++i)
      rows_.push_back({.context = context,
                       .depth = static_cast<double>(i) / kDepths,
                       .correct = 0,
                       .total = 0});
    for (int64_t sample = 0; sample < options_.samples; ++sample)
      FATHOM_TRY(RunDocument(
          context, data::MixSeed(data::MixSeed(options_.seed, static_cast<uint64_t>(context)),
                                 static_cast<uint64_t>(sample))));
    return {};
  }

  std::vector<RecallRow> rows() const {
    std::vector<RecallRow> asked;
    std::copy_if(rows_.begin(), rows_.end(), std::back_inserter(asked),
                 [](const RecallRow& row) { return row.total > 0; });
    return asked;
  }

 private:
  base::Status RunDocument(int64_t context, uint64_t seed) {
    FATHOM_ASSIGN(const RecallDocument document, FitDocument(examinee_, options_, context, seed));
    const auto questions = MakeQuestions(document, options_.needles, seed);
    examinee_.Reset();
    std::vector<std::vector<int32_t>> prompts;
    for (const auto& facts : questions) {
      FATHOM_ASSIGN(auto prompt,
                    examinee_.Encode(Ask(document, facts), text::ThinkingEffort::kNone));
      prompts.push_back(std::move(prompt));
    }
    if (prompts.size() > 1) {
      std::vector<int32_t> shared = prompts[0];
      for (const auto& prompt : prompts) shared.resize(CommonPrefix(shared, prompt));
      FATHOM_TRY(examinee_.Study(shared));
    }
    for (size_t i = 0; i < questions.size(); ++i) {
      FATHOM_ASSIGN(const std::string answer, examinee_.Answer(prompts[i], AnswerTokens(options_)));
      Grade(document, questions[i], SplitAnswer(answer));
    }
    return {};
  }

  void Grade(const RecallDocument& document, const std::vector<RecallFact>& facts,
             const std::vector<std::string>& said) {
    for (size_t i = 0; i < facts.size(); ++i) {
      const double depth =
          static_cast<double>(facts[i].offset) / static_cast<double>(document.text.size());
      const auto bin = std::min(kDepths - 1, static_cast<int64_t>(depth * kDepths));
      RecallRow& row = rows_[rows_.size() - static_cast<size_t>(kDepths - bin)];
      const std::string right =
          facts.size() == 1 ? facts[i].code : data::RecallAnswer({&facts[i], 1});
      const std::string answer = i < said.size() ? said[i] : "";
      row.correct += answer == right ? 1 : 0;
      ++row.total;
      if (answer != right && watch_.on_mistake)
        watch_.on_mistake({.length = row.context,
                           .place = row.depth,
                           .question = Question(facts),
                           .expected = right,
                           .said = answer});
      ++done_;
    }
    const int64_t total = std::ssize(options_.contexts) * options_.samples *
                          (options_.facts / options_.needles * options_.needles);
    if (watch_.on_progress) watch_.on_progress(done_, total);
  }

  Examinee& examinee_;
  const RecallEvalOptions& options_;
  const EvalWatch& watch_;
  std::vector<RecallRow> rows_;
  int64_t done_ = 0;
};

}  // namespace

base::Result<std::vector<RecallRow>> EvaluateRecall(Examinee& examinee,
                                                    const RecallEvalOptions& options,
                                                    const EvalWatch& watch) {
  if (options.needles > options.facts)
    return base::MakeError("{} needles are more than the {} facts of a document", options.needles,
                           options.facts);
  Examination examination(examinee, options, watch);
  for (const int64_t context : options.contexts) {
    if (context > examinee.context())
      return base::MakeError("a context of {} tokens is more than the model's {}", context,
                             examinee.context());
    FATHOM_TRY(examination.Run(context));
  }
  return examination.rows();
}

}  // namespace fathom::evaluate
