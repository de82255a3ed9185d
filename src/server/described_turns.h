// Guards of turns made again of what they described themselves as.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "constraint/described_constraints.h"
#include "engine/request.h"
#include "server/turn_guard.h"

namespace fathom::server {

/// A JSON object on one line: the rules, and what `inner` describes itself as, if it is there.
std::string DescribeTurn(const TurnRules& rules, const engine::TokenConstraint* inner);

/// Those of one model, which outlives what it made.
class DescribedTurns {
 public:
  /// `model_directory` holds the tokenizer, which is read when it is first needed.
  explicit DescribedTurns(std::string model_directory) : inner_(std::move(model_directory)) {}

  /// One for a new turn. Errors name the tokenizer's file, or the field of the description.
  base::Result<std::shared_ptr<engine::TokenConstraint>> Make(const std::string& description);

 private:
  constraint::DescribedConstraints inner_;
};

}  // namespace fathom::server
