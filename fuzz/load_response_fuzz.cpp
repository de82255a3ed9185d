// Any bytes as the body of a response to a streamed chat completion. The first byte chooses the
// status and how the rest is split; the split must not matter, and what is told is one line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "load/exchange.h"

namespace {

using fathom::load::ChatAnswer;
using fathom::load::Exchange;
using fathom::load::Failure;
using fathom::load::ResponseReader;

Exchange ReadInPieces(std::string_view body, size_t length, int status) {
  Exchange exchange;
  exchange.status = status;
  ResponseReader reader(exchange);
  for (; !body.empty(); body.remove_prefix(std::min(length, body.size())))
    if (!reader.Take(body.substr(0, length), 1)) break;
  reader.End();
  return exchange;
}

bool IsSame(const ChatAnswer& a, const ChatAnswer& b) {
  const auto same_call = [](const auto& x, const auto& y) {
    return x.id == y.id && x.name == y.name && x.arguments == y.arguments;
  };
  return a.reasoning == b.reasoning && a.content == b.content && a.usage == b.usage &&
         std::equal(a.calls.begin(), a.calls.end(), b.calls.begin(), b.calls.end(), same_call);
}

void Compare(const Exchange& a, const Exchange& b) {
  FATHOM_CHECK(a.failure == b.failure && a.problem == b.problem);
  FATHOM_CHECK(a.first == b.first && a.gaps == b.gaps && IsSame(a.answer, b.answer));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const int status = (data[0] & 1) != 0 ? 429 : 200;
  const Exchange whole = ReadInPieces(body, size, status);
  Compare(ReadInPieces(body, 1, status), whole);
  Compare(ReadInPieces(body, 2 + data[0] / 8, status), whole);
  FATHOM_CHECK(whole.problem.find('\n') == whole.problem.npos);
  FATHOM_CHECK((whole.failure == Failure::kNone) == whole.problem.empty());
  if (whole.failure == Failure::kNone) FATHOM_CHECK(whole.answer.usage && whole.first > 0);
  return 0;
}
