// The conversation: what was said, what is being answered, and what is sent to the server.
import { Answer } from './answer.js';
import { streamChat } from './api.js';
import { make } from './dom.js';

// Whoever has scrolled up to read is left there.
const kNearEnd = 60;

export class Chat {
  #log;
  #announcer;
  #options;
  #messages = [];
  #abort = null;
  #waitsForResults = false;

  /**
   * `options.read()` gives the fields of a request that are not messages, and the system prompt as
   * `system`; `options.onChange()` is called when the chat becomes busy or free, and
   * `options.onUnauthorized()` when the server wants another key.
   */
  constructor(log, announcer, options) {
    this.#log = log;
    this.#announcer = announcer;
    this.#options = options;
  }

  get isAnswering() {
    return this.#abort !== null;
  }
  /** Whether the tools have to say something before anybody else does. */
  get waitsForResults() {
    return this.#waitsForResults;
  }
  /** Whether a message can be sent. */
  get isFree() {
    return !this.isAnswering && !this.#waitsForResults;
  }

  say(text) {
    this.#messages.push({ role: 'user', content: text });
    const message = make('article', { className: 'question' }, make('div', { className: 'text' }, text));
    message.setAttribute('aria-label', 'You');
    this.#show(message);
    return this.#answer();
  }

  stop() {
    this.#abort?.abort();
  }

  clear() {
    this.stop();
    this.#abort = null;
    this.#waitsForResults = false;
    this.#messages = [];
    this.#log.replaceChildren();
    this.#announcer.finish();
    this.#options.onChange();
  }

  async #answer() {
    const abort = new AbortController();
    const answer = new Answer(this.#announcer);
    this.#abort = abort;
    this.#show(answer.element);
    this.#options.onChange();
    let error = null;
    try {
      for await (const chunk of streamChat(this.#makeRequest(), abort.signal))
        this.#followEnd(() => answer.add(chunk));
    } catch (thrown) {
      error = thrown;
    }
    // After "New chat" it belongs to nothing.
    if (this.#abort !== abort) return;
    this.#abort = null;
    this.#followEnd(() => this.#end(answer, error, abort.signal.aborted));
    this.#options.onChange();
  }

  #makeRequest() {
    const { system, ...fields } = this.#options.read();
    const head = system ? [{ role: 'system', content: system }] : [];
    return { ...fields, messages: [...head, ...this.#messages] };
  }

  #end(answer, error, wasStopped) {
    answer.finish();
    if (error && !wasStopped) {
      this.#announcer.say(error.message);
      answer.fail(error.message, () => this.#retry(answer));
      if (error.status === 401) this.#options.onUnauthorized();
      return;
    }
    if (wasStopped) answer.note('Stopped.');
    if (answer.message) this.#messages.push(answer.message);
    if (!answer.wantsResults) return;
    this.#waitsForResults = true;
    answer.askForResults((results) => {
      this.#waitsForResults = false;
      this.#messages.push(...results);
      this.#answer();
    });
  }

  #retry(answer) {
    if (!this.isFree) return;
    answer.element.remove();
    this.#answer();
  }

  #show(element) {
    this.#log.append(element);
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #followEnd(change) {
    const log = this.#log;
    const follows = log.scrollHeight - log.scrollTop - log.clientHeight < kNearEnd;
    change();
    if (follows) log.scrollTop = log.scrollHeight;
  }
}
