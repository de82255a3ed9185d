// Asks the default model for a fact of its context, through the installed library alone.
#include <fathom/engine.h>

#include <iostream>
#include <string>

namespace {

constexpr const char* kConversation = R"({"messages": [
  {"role": "system", "content": "The code of saddle amber is 1729.\nThe code of storm thorn is 3257.\n"},
  {"role": "user", "content": "Code of storm thorn?"}]})";

int Fail(const std::string& error) {
  std::cerr << "consumer: " << error << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace fathom::engine;
  if (argc != 2) return Fail("usage: consumer MODEL");
  const auto opened = Engine::Open(argv[1], {});
  if (!opened.engine) return Fail(opened.error);

  std::string error;
  auto prompt = opened.engine->EncodeConversation(kConversation, Thinking::kNone, &error);
  if (!prompt) return Fail(error);
  std::string answer;
  Request request;
  request.prompt = std::move(*prompt);
  request.max_tokens = 8;
  request.sampling.temperature = 0;
  request.on_done = [&](const Completion& completion) { answer = completion.text; };
  const Submission submitted = opened.engine->Submit(std::move(request));
  if (!submitted.number) return Fail(submitted.error);
  while (opened.engine->Step()) {
  }
  if (answer != "3257") return Fail("expected 3257, got \"" + answer + "\"");
  std::cout << "consumer: " << answer << "\n";
  return 0;
}
