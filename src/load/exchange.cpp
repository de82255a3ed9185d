#include "load/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace fathom::load {
namespace {

constexpr size_t kMostErrorBody = 4096;

}  // namespace

std::string NameFailure(const Exchange& exchange) {
  switch (exchange.failure) {
    case Failure::kNone:
      return "none";
    case Failure::kConnection:
      return "no connection";
    case Failure::kClosed:
      return "closed";
    case Failure::kTimeout:
      return "timeout";
    case Failure::kStatus:
      return fmt::format("HTTP {}", exchange.status);
    case Failure::kError:
      return "error in the stream";
    case Failure::kMalformed:
      return "malformed";
    case Failure::kEmpty:
      return "empty answer";
  }
  return {};
}

bool ResponseReader::Take(std::string_view bytes, double now) {
  if (is_complete_) return true;
  if (exchange_.status != 200) {
    error_body_ += bytes.substr(0, kMostErrorBody - error_body_.size());
    return error_body_.size() < kMostErrorBody;
  }
  const bool fits = events_.Feed(bytes, [&](std::string_view data) { Hear(data, now); });
  if (!fits && !is_complete_ && exchange_.failure == Failure::kNone)
    exchange_.Fail(Failure::kMalformed, "an event is too large");
  return exchange_.failure == Failure::kNone;
}

void ResponseReader::Hear(std::string_view data, double now) {
  if (is_complete_ || exchange_.failure != Failure::kNone) return;
  switch (chat_.Read(data)) {
    case ChatStream::News::kNone:
      return;
    case ChatStream::News::kText:
      if (exchange_.first == 0)
        exchange_.first = now;
      else
        exchange_.gaps.push_back(now - exchange_.last);
      exchange_.last = now;
      return;
    case ChatStream::News::kEnd:
      is_complete_ = true;
      exchange_.ended = now;
      return;
    case ChatStream::News::kError:
      return exchange_.Fail(Failure::kError, chat_.error());
    case ChatStream::News::kNoise:
      exchange_.Fail(Failure::kMalformed, "an event is no JSON object");
  }
}

void ResponseReader::End() {
  if (exchange_.failure != Failure::kNone) return;
  if (exchange_.status != 200) {
    exchange_.Fail(Failure::kStatus, ReadErrorMessage(error_body_));
  } else if (!is_complete_) {
    exchange_.Fail(Failure::kMalformed, "the stream has no end");
  } else if (!chat_.answer().usage) {
    exchange_.Fail(Failure::kMalformed, "the answer says nothing of its usage");
  } else {
    exchange_.answer = chat_.answer();
    if (exchange_.first == 0) exchange_.Fail(Failure::kEmpty, "the answer has no text");
  }
}

}  // namespace fathom::load
