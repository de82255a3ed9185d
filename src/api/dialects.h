// The reader of each API's requests. `root` is the body, an object.
#pragma once

#include "api/parse.h"
#include "base/result.h"
#include "text/field.h"

namespace fathom::api {

base::Result<Request> ReadChatRequest(const text::Field& root, const ParseOptions& options);
base::Result<Request> ReadCompletionsRequest(const text::Field& root, const ParseOptions& options);
base::Result<Request> ReadResponsesRequest(const text::Field& root, const ParseOptions& options);
base::Result<Request> ReadMessagesRequest(const text::Field& root, const ParseOptions& options);

}  // namespace fathom::api
