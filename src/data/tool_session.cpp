#include "data/tool_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "data/random.h"
#include "data/tool_catalog.h"
#include "data/words.h"

namespace fathom::data {
namespace {

using std::string_view;

text::ToolCall MakeCall(Tool tool, std::string arguments) {
  return {.id = {}, .name = std::string(NameOf(tool)), .arguments = std::move(arguments)};
}

// What the tools said so far, and the latest of each counts.
struct Memory {
  std::map<std::string, int64_t> temperatures;  // by city
  std::map<int64_t, std::string> items;         // by order
  std::map<std::string, std::string> notes;     // by name
};

template <typename Map>
const auto& PickEntry(const Map& map, Random& random) {
  return *std::next(map.begin(), static_cast<ptrdiff_t>(random.Below(map.size())));
}

// Makes the turns of a session, one after the other.
class SessionWriter {
 public:
  SessionWriter(const ToolSessionOptions& options, Random& random)
      : options_(options), random_(random), cities_(kCities.begin(), kCities.end()) {
    for (int i = 0; i < kToolCount; ++i) offered_.push_back(static_cast<Tool>(i));
    for (size_t i = 0; i < offered_.size(); ++i)
      std::swap(offered_[i], offered_[i + random_.Below(offered_.size() - i)]);
    offered_.resize(3 + random_.Below(4));
    if (!options.only.empty()) offered_ = options.only;
    // Two are asked about at once.
    while (options.cities > 0 && std::ssize(cities_) > std::max<int64_t>(options.cities, 2))
      cities_.erase(cities_.begin() + static_cast<ptrdiff_t>(random_.Below(cities_.size())));
  }

  std::vector<text::Json> Schemas() const {
    std::vector<text::Json> schemas;
    for (const Tool tool : offered_) schemas.push_back(SchemaOf(tool));
    return schemas;
  }

  ToolTurn NextTurn() {
    if (random_.Chance(options_.remember))
      if (auto turn = RememberTurn()) return *std::move(turn);
    switch (random_.Pick(offered_)) {
      case Tool::kWeather:
        return WeatherTurn();
      case Tool::kOrder:
        return OrderTurn();
      case Tool::kSaveNote:
        return SaveNoteTurn();
      case Tool::kReadNote:
        return ReadNoteTurn();
      case Tool::kLamp:
        return LampTurn();
      case Tool::kTable:
        return TableTurn();
      case Tool::kMessage:
        return MessageTurn();
    }
    return {};
  }

 private:
  bool Offers(Tool tool) const {
    return std::find(offered_.begin(), offered_.end(), tool) != offered_.end();
  }

  // One of several ways to ask the same.
  template <typename... Args>
  std::string Ask(std::initializer_list<string_view> ways, const Args&... args) {
    const string_view way = std::data(ways)[random_.Below(ways.size())];
    return fmt::format(fmt::runtime(way), args...);
  }

  // The step, and before it perhaps one that failed.
  std::vector<ToolStep> WithRetry(ToolStep step) {
    std::vector<ToolStep> steps;
    if (random_.Chance(0.12)) {
      ToolStep failed = step;
      std::fill(failed.results.begin(), failed.results.end(), R"({"error": "busy"})");
      step.reasoning = "It was busy. I try again.";
      steps.push_back(std::move(failed));
    }
    steps.push_back(std::move(step));
    return steps;
  }

  ToolTurn WeatherTurn() {
    const size_t cities = random_.Chance(options_.pairs) ? 2 : 1;
    std::vector<std::string> names;
    while (names.size() < cities) {
      const std::string city(random_.Pick(cities_));
      if (std::find(names.begin(), names.end(), city) == names.end()) names.push_back(city);
    }
    ToolTurn turn;
    turn.question =
        cities == 1
            ? Ask({"What is the weather in {}?", "How is {} today?", "Weather of {}, please."},
                  names[0])
            : Ask({"What is the weather in {} and {}?", "How are {} and {} today?"}, names[0],
                  names[1]);
    ToolStep step = {.reasoning = fmt::format("I look up {}.", fmt::join(names, " and ")),
                     .calls = {},
                     .results = {}};
    for (const std::string& city : names) {
      const int64_t degrees = random_.Between(-9, 38);
      const string_view sky = random_.Pick(kSkies);
      step.calls.push_back(MakeCall(Tool::kWeather, fmt::format(R"({{"city": "{}"}})", city)));
      step.results.push_back(fmt::format(R"({{"degrees": {}, "sky": "{}"}})", degrees, sky));
      turn.answer +=
          fmt::format("{}{}: {} degrees, {}.", turn.answer.empty() ? "" : " ", city, degrees, sky);
      memory_.temperatures[city] = degrees;
    }
    turn.steps = WithRetry(std::move(step));
    return turn;
  }

  ToolTurn OrderTurn() {
    const int64_t id = random_.Between(100, 999);
    const string_view item = random_.Pick(kItems);
    const string_view state = random_.Pick(kStates);
    memory_.items[id] = item;
    return {.question = Ask({"Where is order {}?", "What about order {}?", "Find order {}."}, id),
            .steps = WithRetry(
                {.reasoning = fmt::format("I look for order {}.", id),
                 .calls = {MakeCall(Tool::kOrder, fmt::format(R"({{"id": {}}})", id))},
                 .results = {fmt::format(R"({{"item": "{}", "state": "{}"}})", item, state)}}),
            .reasoning = {},
            .answer = fmt::format("Order {}, a {}, is {}.", id, item, state)};
  }

  ToolTurn SaveNoteTurn() {
    const std::string name(random_.Pick(kWords));
    std::string note(random_.Pick(kWords));
    (note += ' ') += random_.Pick(kWords);
    memory_.notes[name] = note;
    return {.question = Ask({"Note under {}: {}", "Keep this as {}: {}"}, name, note),
            .steps = WithRetry(
                {.reasoning = fmt::format("I save it as {}.", name),
                 .calls = {MakeCall(Tool::kSaveNote,
                                    fmt::format(R"({{"name": "{}", "text": "{}"}})", name, note))},
                 .results = {R"({"saved": true})"}}),
            .reasoning = {},
            .answer = fmt::format("Saved as {}.", name)};
  }

  ToolTurn ReadNoteTurn() {
    std::string name(random_.Pick(kWords));
    if (!memory_.notes.empty()) name = PickEntry(memory_.notes, random_).first;
    const auto note = memory_.notes.find(name);
    const std::string text = note != memory_.notes.end() ? note->second : "";
    return {.question = Ask({"Read the note {}.", "What does the note {} say?"}, name),
            .steps = WithRetry(
                {.reasoning = fmt::format("I read {}.", name),
                 .calls = {MakeCall(Tool::kReadNote, fmt::format(R"({{"name": "{}"}})", name))},
                 .results = {text.empty() ? R"({"error": "not found"})"
                                          : fmt::format(R"({{"text": "{}"}})", text)}}),
            .reasoning = {},
            .answer = text.empty() ? fmt::format("There is no note {}.", name)
                                   : fmt::format("It says: {}", text)};
  }

  ToolTurn LampTurn() {
    const string_view room = random_.Pick(kRooms);
    const bool on = random_.Chance(0.6);
    const int64_t level = random_.Between(1, 9);
    ToolTurn turn;
    std::string arguments;
    if (on) {
      turn.question = Ask({"Light in the {} at {}.", "Set the lamp of the {} to {}."}, room, level);
      turn.answer = fmt::format("The lamp of the {} is at {}.", room, level);
      arguments = fmt::format(R"({{"room": "{}", "on": true, "level": {}}})", room, level);
    } else {
      turn.question = Ask({"Lights out in the {}.", "Switch off the lamp of the {}."}, room);
      turn.answer = fmt::format("The lamp of the {} is off.", room);
      arguments = fmt::format(R"({{"room": "{}", "on": false}})", room);
    }
    turn.steps = WithRetry({.reasoning = fmt::format("I switch the lamp of the {}.", room),
                            .calls = {MakeCall(Tool::kLamp, arguments)},
                            .results = {R"({"done": true})"}});
    return turn;
  }

  ToolTurn TableTurn() {
    const int64_t people = random_.Between(2, 9);
    const string_view day = random_.Pick(kDays);
    const int64_t hour = random_.Between(11, 22);
    const int64_t table = random_.Between(1, 40);
    return {
        .question = Ask({"A table for {} on {} at {}.", "Book for {} people, {}, {} o'clock."},
                        people, day, hour),
        .steps = WithRetry(
            {.reasoning = fmt::format("I book for {}.", people),
             .calls = {MakeCall(
                 Tool::kTable, fmt::format(R"({{"people": {}, "at": {{"day": "{}", "hour": {}}}}})",
                                           people, day, hour))},
             .results = {fmt::format(R"({{"table": {}}})", table)}}),
        .reasoning = {},
        .answer = fmt::format("Table {} is yours on {} at {}.", table, day, hour)};
  }

  // Half of the texts are what a tool said turns ago.
  ToolTurn MessageTurn() {
    const string_view to = random_.Pick(kPeople);
    std::string text(random_.Pick(kWords));
    std::string question = Ask({"Tell {} this: {}", "Send {} the word {}"}, to, text);
    std::string reasoning = fmt::format("I write to {}.", to);
    if (!memory_.items.empty() && random_.Chance(0.5)) {
      const auto& [id, item] = PickEntry(memory_.items, random_);
      text = item;
      question = Ask({"Tell {} what order {} was.", "Send {} the item of order {}."}, to, id);
      reasoning = fmt::format("Order {} was a {}. I write to {}.", id, item, to);
    }
    return {.question = question,
            .steps = WithRetry(
                {.reasoning = reasoning,
                 .calls = {MakeCall(Tool::kMessage,
                                    fmt::format(R"({{"to": "{}", "text": "{}"}})", to, text))},
                 .results = {R"({"sent": true})"}}),
            .reasoning = {},
            .answer = fmt::format("I told {}.", to)};
  }

  // A question that earlier results answer; nothing if there are none.
  std::optional<ToolTurn> RememberTurn() {
    ToolTurn turn;
    turn.reasoning = "I know that already.";
    const bool has_items = Offers(Tool::kOrder) || options_.only.empty();
    if (!memory_.temperatures.empty() && (random_.Chance(0.5) || !has_items)) {
      const auto& [city, degrees] = PickEntry(memory_.temperatures, random_);
      turn.question = Ask({"How warm was {}?", "What did you say for {}?"}, city);
      turn.answer = fmt::format("{}: {} degrees.", city, degrees);
    } else if (!memory_.items.empty()) {
      const auto& [id, item] = PickEntry(memory_.items, random_);
      turn.question = Ask({"What was order {} again?", "Remind me what order {} is."}, id);
      turn.answer = fmt::format("Order {} is a {}.", id, item);
    } else {
      return std::nullopt;
    }
    return turn;
  }

  const ToolSessionOptions& options_;
  Random& random_;
  std::vector<string_view> cities_;
  std::vector<Tool> offered_;
  Memory memory_;
};

void AppendStep(const ToolStep& step, const std::string& id_prefix,
                std::vector<text::Message>& messages) {
  text::Message assistant = {.role = text::Role::kAssistant, .reasoning_content = step.reasoning};
  std::vector<text::Message> results;
  for (size_t i = 0; i < step.calls.size(); ++i) {
    assistant.tool_calls.push_back(step.calls[i]);
    assistant.tool_calls.back().id = fmt::format("{}-{}", id_prefix, i);
    results.push_back({.role = text::Role::kTool,
                       .content = step.results[i],
                       .tool_call_id = assistant.tool_calls.back().id});
  }
  messages.push_back(std::move(assistant));
  std::move(results.begin(), results.end(), std::back_inserter(messages));
}

void AppendAnswer(const ToolTurn& turn, std::vector<text::Message>& messages) {
  messages.push_back({.role = text::Role::kAssistant,
                      .content = turn.answer,
                      .reasoning_content = turn.reasoning});
}

}  // namespace

ToolSession MakeToolSession(const ToolSessionOptions& options) {
  Random random(options.seed);
  SessionWriter writer(options, random);
  ToolSession session;
  session.tools = writer.Schemas();
  for (int64_t i = 0; i < options.turns; ++i) {
    session.turns.push_back(writer.NextTurn());
    ToolTurn& turn = session.turns.back();
    if (turn.reasoning.empty()) turn.reasoning = "Done.";
  }
  return session;
}

text::Conversation ConversationBefore(const ToolSession& session, size_t turn, size_t steps) {
  FATHOM_CHECK(turn < session.turns.size() && steps <= session.turns[turn].steps.size());
  text::Conversation conversation;
  conversation.tools = session.tools;
  for (size_t t = 0; t <= turn; ++t) {
    const ToolTurn& of = session.turns[t];
    conversation.messages.push_back({.role = text::Role::kUser, .content = of.question});
    const size_t count = t < turn ? of.steps.size() : steps;
    for (size_t s = 0; s < count; ++s)
      AppendStep(of.steps[s], fmt::format("{}-{}", t, s), conversation.messages);
    if (t < turn) AppendAnswer(of, conversation.messages);
  }
  return conversation;
}

text::Conversation ToConversation(const ToolSession& session) {
  if (session.turns.empty()) return {.messages = {}, .tools = session.tools};
  const size_t last = session.turns.size() - 1;
  text::Conversation conversation =
      ConversationBefore(session, last, session.turns[last].steps.size());
  AppendAnswer(session.turns[last], conversation.messages);
  return conversation;
}

text::Conversation ToBriefConversation(const ToolSession& session) {
  text::Conversation conversation;
  const auto say = [&](text::Role role, std::string content) {
    conversation.messages.push_back({.role = role, .content = std::move(content)});
  };
  for (const ToolTurn& turn : session.turns) {
    say(text::Role::kUser, turn.question);
    for (const ToolStep& step : turn.steps) {
      std::vector<string_view> arguments;
      for (const text::ToolCall& call : step.calls) arguments.emplace_back(call.arguments);
      say(text::Role::kAssistant, fmt::format("{}", fmt::join(arguments, "\n")));
      say(text::Role::kUser, fmt::format("{}", fmt::join(step.results, "\n")));
    }
    say(text::Role::kAssistant, turn.answer);
  }
  return conversation;
}

}  // namespace fathom::data
