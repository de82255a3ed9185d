// Each API's answers. response.h says what the functions do.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "api/response.h"

namespace fathom::api {

std::string EncodeChatResponse(const Request& request, const ResponseContext& context,
                               std::span<const Answer> answers, const Totals& totals);
std::string EncodeCompletionsResponse(const ResponseContext& context,
                                      std::span<const Answer> answers, const Totals& totals);
std::string EncodeResponsesResponse(const Request& request, const ResponseContext& context,
                                    const Answer& answer, const Totals& totals);
std::string EncodeMessagesResponse(const ResponseContext& context, const Answer& answer,
                                   const Totals& totals);

std::unique_ptr<StreamEncoder> MakeChatEncoder(const Request& request,
                                               const ResponseContext& context);
std::unique_ptr<StreamEncoder> MakeCompletionsEncoder(const Request& request,
                                                      const ResponseContext& context);
std::unique_ptr<StreamEncoder> MakeResponsesEncoder(const Request& request,
                                                    const ResponseContext& context);
std::unique_ptr<StreamEncoder> MakeMessagesEncoder(const Request& request,
                                                   const ResponseContext& context);

}  // namespace fathom::api
