// The rules that every grammar begins with: what they allow of a vocabulary is found once.
#pragma once

#include "constraint/grammar.h"

namespace fathom::constraint {

struct CommonRules {
  NodeId json_string = 0;  ///< after its opening quote
  NodeId raw_string = 0;   ///< after the opening tag of a DSML parameter, with the closing one
  NodeId raw_key = 0;      ///< a parameter's name, as far as it is still to come, and its quote
  NodeId number = 0;
  NodeId integer = 0;
  NodeId any_value = 0;  ///< any JSON
  NodeId any_object = 0;
  NodeId any_but_string = 0;
  NodeId reasoning = 0;      ///< any text, and </think>
  NodeId text_to_end = 0;    ///< any text, and the end of the sentence
  NodeId text_to_calls = 0;  ///< any text that ends with "<", and the DSML token
};

/// REQUIRES: the grammar is new. All grammars get the same nodes.
CommonRules AddCommonRules(Grammar* grammar);

}  // namespace fathom::constraint
