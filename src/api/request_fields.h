// Fields that several APIs have, under one name or several.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/parse.h"
#include "api/request.h"
#include "base/result.h"
#include "text/field.h"

namespace fathom::api {

/// The ways to say how hard the model should think, in every spelling that clients use: see
/// docs/api.md. Anything that turns thinking off wins, then what asks for the most.
base::Status ReadThinking(const text::Field& root, const ParseOptions& options, Request* request);

/// temperature, top_p, top_k, min_p, the penalties, seed, logit_bias; and stop_token_ids,
/// ignore_eos, priority. Comes after ReadThinking, which decides what has an effect.
base::Status ReadSampling(const text::Field& root, const ParseOptions& options, Request* request);

/// A stop string or a list of them.
base::Status ReadStops(const text::Field& field, Request* request);

/// A limit of the answer's tokens; of several the lowest counts.
base::Status ReadLimit(const text::Field& field, Request* request);

/// model, stream, and where conversations can be told apart.
base::Status ReadCommon(const text::Field& root, Request* request);

/// A boolean that is `fallback` if it is missing or null.
base::Result<bool> ReadFlag(const text::Field& field, bool fallback);

/// The text of a part of a content: of types text and *_text, and of a refusal. Other parts are
/// "[Unsupported TYPE]", as the model knows them: a client that sent an image once sends it again
/// with every later request.
base::Result<std::string> ReadPart(const text::Field& part);

/// A content: a string, null, or a list of parts, joined by blank lines. Parts that begin with
/// `left_out` are left out, if it is not empty.
base::Result<std::string> ReadParts(const text::Field& field, std::string_view left_out = {});

/// A list of token ids. REQUIRES: field.IsArray().
base::Result<std::vector<int32_t>> ReadTokenIds(const text::Field& field);

/// Fails with `reason` unless the field is missing, null, false, or an empty list, object or
/// string.
base::Status Refuse(const text::Field& field, std::string_view reason);

/// tool_choice of OpenAI's APIs: a word, or an object {"type": "function"} that says which, as
/// `read_name` reads it.
base::Status ReadToolChoice(const text::Field& field,
                            base::Result<std::string> (*read_name)(const text::Field& choice),
                            ToolChoice* choice);

/// A schema as OpenAI's APIs nest it: chat has {"type": "json_schema", "json_schema": {"schema"}},
/// responses {"type": "json_schema", "schema"}. `holder` is what has "name", "schema" and "strict".
base::Status ReadResponseFormat(const text::Field& format, const text::Field& holder,
                                Request* request);

}  // namespace fathom::api
