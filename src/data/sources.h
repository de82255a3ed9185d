// What a model is trained on: a mixture of made-up conversations and real text, in samples of any
// length.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "data/random.h"
#include "data/recall_document.h"
#include "data/sample.h"
#include "text/tokenizer.h"

namespace fathom::data {

/// How often a document is of each kind; any scale.
struct MixtureShares {
  double recall = 1;
  double tools = 0;
  double chat = 0;
  double prose = 0;
};

/// Recall documents, from easy ones to hard ones.
struct RecallMixture {
  int64_t facts = 0;      ///< of a document, at most; 0: as many as fit
  double filler = 1;      ///< share of a document, at most: what is left goes to questions
  double restated = 0.3;  ///< share of documents in which facts are restated
  double several = 0.2;   ///< share of questions that ask for several facts
  double words = 0;       ///< share of documents whose codes are words
  double numbers = 0;     ///< share of documents whose names are numbers
  double decoys = 0;      ///< share of lines of filler that name facts without stating them
  double invented = 0;    ///< share of the other documents whose names no list of words has
  double reworded = 0;    ///< share of questions for one fact that are put in other words
  double shorter = 0;     ///< share of documents that do not fill the sample: of any length
};

/// Tool sessions.
struct ToolMixture {
  double brief = 0;        ///< share of those without ceremony
  double remember = 0.25;  ///< share of turns that need only what a tool said turns ago
  double pairs = 0.3;      ///< share of questions about the weather that are about two cities
  double few_cities = 0;   ///< share of those in which the same two to four are asked about
  double weather = 0;      ///< share of those that are about the weather alone
  double orders = 0;       ///< share of the others that are about orders alone
  double notes = 0;        ///< share of what is left that are about notes alone
};

struct MixtureOptions {
  MixtureShares shares{};
  RecallMixture recall{};
  ToolMixture sessions{};
  SampleWeights weights{};
  float prose_weight = 0.3f;  ///< of every token of real text
  /// Paragraphs: documents of their own, and where these have a share, filler of a quarter of the
  /// recall documents.
  std::vector<std::string> prose{};
};

class Mixture {
 public:
  /// The tokenizer must outlive the mixture. Fails if all shares are 0, if prose has a share and no
  /// text, or if the tokenizer cannot encode the format.
  static base::Result<Mixture> Create(const text::Tokenizer& tokenizer, MixtureOptions options);

  /// A sample of exactly `length` tokens: documents, one after the other, the last one cut. Depends
  /// on the options, the tokenizer and the seed alone.
  base::Result<Sample> Make(uint64_t seed, int64_t length) const;

  /// So many tokens of the filler of recall documents, without facts.
  base::Result<std::vector<int64_t>> MakeFiller(uint64_t seed, int64_t length) const;

 private:
  enum class Kind : uint8_t { kRecall, kTools, kChat, kProse };
  // Of a tool session's beginning, and of a turn.
  struct SessionTokens {
    double beginning = 0;
    double turn = 1;
  };

  Mixture(const text::Tokenizer& tokenizer, MixtureOptions options)
      : tokenizer_(&tokenizer), options_(std::move(options)) {}

  base::Result<double> MeasureDocument(std::span<const std::string> prose) const;
  base::Status MeasureTokens();
  base::Result<SessionTokens> MeasureTools(bool is_brief) const;
  Kind PickKind(double at) const;
  base::Status Append(Kind kind, uint64_t seed, int64_t tokens, Sample& sample) const;
  RecallDocument MakeDocument(double bytes, std::span<const std::string> prose,
                              Random& random) const;
  base::Status AppendRecall(uint64_t seed, int64_t tokens, Sample& sample) const;
  base::Status AppendTools(uint64_t seed, int64_t tokens, Sample& sample) const;
  base::Status AppendProse(uint64_t seed, int64_t tokens, Sample& sample) const;

  const text::Tokenizer* tokenizer_;
  MixtureOptions options_;
  double document_bytes_ = 1;   // of a recall document, a token
  double prose_bytes_ = 1;      // the same, with real text
  double question_tokens_ = 1;  // of a question about it, with its answer
  SessionTokens tools_;
  SessionTokens brief_tools_;
};

}  // namespace fathom::data
