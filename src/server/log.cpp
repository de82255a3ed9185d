#include "server/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

#include "text/json.h"

namespace fathom::server {
namespace {

std::string FormatNow() {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  const auto now = std::chrono::system_clock::now();
  const auto fraction = duration_cast<milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     fraction);
}

}  // namespace

std::string FormatRequest(const RequestRecord& record) {
  const RequestHead& head = *record.head;
  std::string line = fmt::format(
      "{{\"time\":\"{}\",\"event\":\"request\",\"id\":\"req_{}\",\"method\":{},\"path\":{},"
      "\"status\":{},\"seconds\":{:.3f},\"bytes_in\":{},\"bytes_out\":{},\"client_left\":{}",
      FormatNow(), head.id, text::QuoteJson(head.method), text::QuoteJson(head.path), record.status,
      record.seconds, record.bytes_in, record.bytes_out, record.client_left);
  if (!record.details.empty()) line += "," + record.details;
  return line + "}";
}

std::string FormatEvent(std::string_view event, std::string_view details) {
  return fmt::format("{{\"time\":\"{}\",\"event\":\"{}\"{}{}}}", FormatNow(), event,
                     details.empty() ? "" : ",", details);
}

}  // namespace fathom::server
