// One answer of the model: the message that it becomes, and how it is shown while it streams.
import { formatCount, formatSeconds, formatShare, formatSpeed, make, setText } from './dom.js';

const kEndings = {
  length: 'cut off at the limit of tokens',
  content_filter: 'cut off',
};

/** A text that grows. */
class Growing {
  text = '';
  #node = document.createTextNode('');

  constructor(parent) {
    parent.append(this.#node);
  }

  add(piece) {
    this.text += piece;
    this.#node.appendData(piece);
  }
}

/** A tool call: its name, and its arguments as they come. */
class Call {
  constructor({ id, function: { name } }) {
    this.id = id;
    this.name = name;
    const pre = make('pre', { className: 'arguments', tabIndex: 0 });
    pre.setAttribute('aria-label', `Arguments of ${name}`);
    this.element = make('div', { className: 'call' },
      make('p', { className: 'call-name' }, name), pre);
    this.arguments = new Growing(pre);
  }

  get message() {
    return { id: this.id, type: 'function',
      function: { name: this.name, arguments: this.arguments.text } };
  }
}

export class Answer {
  element = make('article', { className: 'answer' });
  finishReason = null;
  #announcer;
  #reasoning = null;
  #content = null;
  #calls = [];
  #begun = performance.now();

  constructor(announcer) {
    this.#announcer = announcer;
    this.element.setAttribute('aria-label', 'Answer');
    this.element.setAttribute('aria-busy', 'true');
  }

  /** Takes the next chunk of the stream. */
  add({ choices: [choice], usage, timings }) {
    const delta = choice?.delta ?? {};
    if (delta.reasoning_content) this.#think(delta.reasoning_content);
    if (delta.content) this.#say(delta.content);
    for (const call of delta.tool_calls ?? []) this.#call(call);
    this.finishReason = choice?.finish_reason ?? this.finishReason;
    if (usage) this.#showUsage(usage, timings);
  }

  /** Ends it, whether the stream came to its end or not. */
  finish() {
    this.#endReasoning();
    this.#announcer.finish();
    this.element.setAttribute('aria-busy', 'false');
    if (!this.wantsResults) for (const call of this.#calls) call.element.classList.add('void');
  }

  /** Whether its calls are complete and wait for what the tools say. */
  get wantsResults() {
    return this.finishReason === 'tool_calls';
  }

  /**
   * The message for the conversation, or null if there is nothing to go on from. Calls that were cut
   * off are left out: nobody could answer them.
   */
  get message() {
    const calls = this.wantsResults ? this.#calls.map((call) => call.message) : [];
    const content = this.#content?.text ?? '';
    if (!content && calls.length === 0) return null;
    return {
      role: 'assistant',
      content,
      ...(this.#reasoning && { reasoning_content: this.#reasoning.text.text }),
      ...(calls.length > 0 && { tool_calls: calls }),
    };
  }

  /** Says something about the answer, below it. */
  note(text, className = 'note') {
    this.element.append(make('p', { className }, text));
  }

  /** Says what went wrong, with a way to try again. */
  fail(message, retry) {
    const button = make('button', { type: 'button', className: 'quiet' }, 'Try again');
    button.addEventListener('click', retry);
    const text = make('p', { className: 'error' }, message, ' ', button);
    text.setAttribute('role', 'alert');
    this.element.append(text);
  }

  /** Lets the user type what the tools say; `use` gets the tool messages. */
  askForResults(use) {
    const form = make('form', { className: 'results' });
    const fields = this.#calls.map((call) => {
      const field = make('textarea', { rows: 2, spellcheck: false });
      form.append(make('label', {}, `Result of ${call.name}`, field));
      return field;
    });
    form.append(make('button', { type: 'submit', className: 'main' },
      fields.length > 1 ? 'Give the results' : 'Give the result'));
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      const at = fields.indexOf(event.target);
      if (at < 0) return;
      event.preventDefault();
      if (at + 1 < fields.length) fields[at + 1].focus();
      else form.requestSubmit();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const results = fields.map((field) => field.value);
      form.replaceWith(...results.map((result, i) => make('div', { className: 'result' },
        make('p', { className: 'call-name' }, `Result of ${this.#calls[i].name}`),
        make('pre', {}, result))));
      use(results.map((content, i) => ({ role: 'tool', tool_call_id: this.#calls[i].id, content })));
    });
    this.element.append(form);
    fields[0].focus();
    this.#announcer.say(`The model calls ${this.#calls.map((call) => call.name).join(', ')}.`);
  }

  #think(piece) {
    if (!this.#reasoning) {
      const summary = make('summary', {}, 'Thinking…');
      const body = make('div', { className: 'text' });
      const details = make('details', { className: 'reasoning', open: true }, summary, body);
      this.#reasoning = { summary, details, text: new Growing(body), isOver: false };
      this.element.append(details);
      this.#announcer.say('Thinking.');
    }
    this.#reasoning.text.add(piece);
  }

  // Whoever wants to read on opens it again.
  #endReasoning() {
    if (!this.#reasoning || this.#reasoning.isOver) return;
    this.#reasoning.isOver = true;
    this.#reasoning.details.open = false;
    const seconds = (performance.now() - this.#begun) / 1000;
    setText(this.#reasoning.summary, `Thought for ${formatSeconds(seconds)}`);
  }

  #say(piece) {
    this.#endReasoning();
    if (!this.#content) {
      const body = make('div', { className: 'text content' });
      this.element.append(body);
      this.#content = new Growing(body);
    }
    this.#content.add(piece);
    this.#announcer.add(piece);
  }

  #call(delta) {
    this.#endReasoning();
    if (!this.#calls[delta.index]) {
      const call = new Call(delta);
      this.#calls[delta.index] = call;
      this.element.append(call.element);
    }
    this.#calls[delta.index].arguments.add(delta.function.arguments ?? '');
  }

  #showUsage(usage, timings) {
    const cached = usage.prompt_tokens_details.cached_tokens;
    const parts = [
      `prompt ${formatCount(usage.prompt_tokens)} tokens`,
      `${formatCount(cached)} cached (${formatShare(cached, usage.prompt_tokens)})`,
      `answer ${formatCount(usage.completion_tokens)} tokens`,
      formatSpeed(timings.predicted_per_second),
    ];
    if (kEndings[this.finishReason]) parts.push(kEndings[this.finishReason]);
    this.note(parts.join(' · '), 'usage');
  }
}
