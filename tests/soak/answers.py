"""What answers say, in all dialects of the API, whole or in pieces."""

import dataclasses
import json


class FailedAnswer(Exception):
    """The server told in the stream that it could not go on."""


@dataclasses.dataclass
class Answer:
    """Everything that an answer says, in parts that are compared. Ids differ each time."""

    parts: dict = dataclasses.field(default_factory=dict)  # text by where it stands
    usage: dict = dataclasses.field(default_factory=dict)
    call_ids: dict = dataclasses.field(default_factory=dict)  # by the number of the call
    has_ended: bool = False
    _blocks: dict = dataclasses.field(default_factory=dict)  # their numbers, by the index told

    def add(self, where, text):
        if text:
            self.parts[where] = self.parts.get(where, "") + text

    def add_to_block(self, at, name, text):
        """Blocks count if they say anything: a heartbeat may have opened one that does not."""
        if text:
            number = self._blocks.setdefault(at, len(self._blocks))
            self.add(f"{number} {name}", text)

    def find_difference(self, reference):
        """What differs, in words, or None."""
        for where in sorted(self.parts.keys() | reference.parts.keys()):
            mine, other = self.parts.get(where), reference.parts.get(where)
            if mine != other:
                return f"{where}: {mine!r} instead of {other!r}"
        for name in ("prompt_tokens", "completion_tokens"):
            if self.usage.get(name) != reference.usage.get(name):
                return f"{name}: {self.usage.get(name)} instead of {reference.usage.get(name)}"
        return None

    def find_departure(self, reference):
        """As find_difference, of an answer that was cut off: it has to be a beginning."""
        for where, text in self.parts.items():
            if not reference.parts.get(where, "").startswith(text):
                return f"{where}: {text!r} does not begin {reference.parts.get(where)!r}"
        return None


class AnswerReader:
    """Makes an Answer of the bytes of a body as they come."""

    def __init__(self, path, streams):
        self.answer = Answer()
        self._fold = {"/v1/messages": fold_messages, "/v1/responses": fold_responses}.get(
            path, fold_choices
        )
        self._streams = streams
        self._rest = b""

    def feed(self, piece):
        self._rest += piece
        if not self._streams:
            return
        *events, self._rest = self._rest.split(b"\n\n")
        for event in events:
            for line in event.split(b"\n"):
                if line.startswith(b"data: "):
                    self._read(line.removeprefix(b"data: "))

    def finish(self):
        if not self._streams:
            self._read(self._rest)
            self.answer.has_ended = True
        return self.answer

    def _read(self, data):
        if data == b"[DONE]":
            self.answer.has_ended = True
            return
        event = json.loads(data)
        if event.get("error"):
            raise FailedAnswer(str(event["error"]))
        self._fold(event, self.answer)


def fold_choices(event, answer):
    """Chat completions and completions."""
    answer.usage = event.get("usage") or answer.usage
    for choice in event["choices"]:
        at = choice["index"]
        said = choice.get("delta") or choice.get("message") or {}
        answer.add(f"{at} text", choice.get("text"))
        answer.add(f"{at} reasoning", said.get("reasoning_content"))
        answer.add(f"{at} content", said.get("content"))
        for number, call in enumerate(said.get("tool_calls") or ()):
            number = call.get("index", number)
            if call.get("id"):
                answer.call_ids[number] = call["id"]
            answer.add(f"{at} call {number} name", call["function"].get("name"))
            answer.add(f"{at} call {number} arguments", call["function"].get("arguments"))
        for kind, tokens in (choice.get("logprobs") or {}).items():
            for token in tokens or ():
                answer.add(f"{at} logprobs {kind}", json.dumps(token))
        answer.add(f"{at} finish", choice.get("finish_reason"))


def fold_messages(event, answer):
    kind = event["type"]
    if kind == "message":
        for at, block in enumerate(event["content"]):
            _add_block(at, block, answer)
        answer.add("finish", event["stop_reason"])
    elif kind == "content_block_start":
        _add_block(event["index"], event["content_block"], answer)
    elif kind == "content_block_delta":
        for name in ("text", "thinking", "partial_json"):
            answer.add_to_block(event["index"], name, event["delta"].get(name))
    elif kind == "message_delta":
        answer.add("finish", event["delta"]["stop_reason"])
    elif kind == "message_stop":
        answer.has_ended = True


def _add_block(at, block, answer):
    for name in ("text", "thinking", "name"):
        answer.add_to_block(at, name, block.get(name))
    if block.get("input"):
        answer.add_to_block(at, "input", json.dumps(block["input"]))


def fold_responses(event, answer):
    kind = event.get("type", "")
    if kind in ("response.failed", "error"):
        raise FailedAnswer(str(event))
    if event.get("object") == "response":
        for at, item in enumerate(event["output"]):
            for name in ("name", "arguments"):
                answer.add(f"{at} {name}", item.get(name))
            for part in item.get("content") or ():
                answer.add(f"{at} {part['type']}", part["text"])
        answer.add("finish", event["status"])
    elif kind == "response.output_item.added":
        answer.add(f"{event['output_index']} name", event["item"].get("name"))
    elif kind.endswith(".delta"):
        answer.add(f"{event['output_index']} {kind}", event["delta"])
    elif kind in ("response.completed", "response.incomplete"):
        answer.add("finish", event["response"]["status"])
        answer.has_ended = True
