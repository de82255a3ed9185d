// The rules that every grammar begins with: what they allow of a vocabulary is found once.
#pragma once

#include "constraint/grammar.h"
#include "constraint/strings.h"

namespace fathom::constraint {

struct CommonRules {
  NodeId json_string = 0;  ///< after its opening quote
  NodeId raw_string = 0;   ///< after the opening tag of a DSML parameter, with the closing one
  /// The same with up to 65,536 characters, which the register counts.
  NodeId json_counter = 0;
  NodeId raw_counter = 0;
  uint8_t json_places = 0;  ///< the number of those of strings with bounds
  uint8_t raw_places = 0;
  NodeId raw_key = 0;  ///< a parameter's name, as far as it is still to come, and its quote
  NodeId number = 0;
  NodeId integer = 0;
  NodeId any_value = 0;  ///< any JSON
  NodeId any_object = 0;
  NodeId any_but_string = 0;
  NodeId reasoning = 0;      ///< any text, and </think>
  NodeId text_to_end = 0;    ///< any text, and the end of the sentence
  NodeId text_to_calls = 0;  ///< any text that ends with "<", and the DSML token

  NodeId StringRule(Spelling spelling) const {
    return spelling == Spelling::kJson ? json_string : raw_string;
  }
  NodeId Counter(Spelling spelling) const {
    return spelling == Spelling::kJson ? json_counter : raw_counter;
  }
  uint8_t PlacesOf(Spelling spelling) const {
    return spelling == Spelling::kJson ? json_places : raw_places;
  }
};

/// REQUIRES: the grammar is new. All grammars get the same nodes.
CommonRules AddCommonRules(Grammar* grammar);

}  // namespace fathom::constraint
