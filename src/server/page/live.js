// What the server has under way, asked for once a second while somebody can see it.
import { ask } from './api.js';
import { find, formatBytes, formatCount, formatSeconds, formatShare, formatSpeed, make, setText }
  from './dom.js';

const kPeriod = 1000;

/** A bar with its label before it and its value behind it, both of which say all that it shows. */
class Bar {
  element;
  #fill = make('span', { className: 'fill' });
  #value = make('span', { className: 'value' });

  constructor(label, className) {
    const track = make('span', { className: 'track' }, this.#fill);
    this.element = make('p', { className: `bar ${className}` },
      make('span', { className: 'label' }, label), track, this.#value);
  }

  update(bytes, most) {
    this.#fill.style.width = `${most > 0 ? (100 * bytes) / most : 0}%`;
    setText(this.#value, formatBytes(bytes));
  }
}

/** One running sequence. */
class Row {
  #doing = make('span', { className: 'doing' });
  #speed = make('span', { className: 'speed' });
  #facts = make('p', { className: 'facts' });
  #own = new Bar('this cache', 'own');
  #v32 = new Bar('V3.2', 'other');
  #gqa8 = new Bar('GQA-8', 'other');
  element = make('li', {}, make('p', { className: 'head' }, this.#doing, this.#speed), this.#facts,
    this.#own.element, this.#v32.element, this.#gqa8.element);

  update(sequence, context) {
    const { number, phase, length, prompt_tokens, cached_tokens } = sequence;
    const doing = phase === 'answer' ? 'answering'
      : `reading its prompt, ${formatShare(length, prompt_tokens)}`;
    setText(this.#doing, `Sequence ${number}: ${doing}`);
    setText(this.#speed, formatSpeed(sequence.tokens_per_second));
    setText(this.#facts, `${formatCount(length)} of ${formatCount(context)} tokens · ` +
      `prompt ${formatShare(cached_tokens, prompt_tokens)} cached`);
    const most = Math.max(sequence.kv_bytes, sequence.v32_kv_bytes, sequence.gqa8_kv_bytes);
    this.#own.update(sequence.kv_bytes, most);
    this.#v32.update(sequence.v32_kv_bytes, most);
    this.#gqa8.update(sequence.gqa8_kv_bytes, most);
  }
}

export class LiveView {
  #onState;
  #rows = new Map();
  #timer = null;
  #turn = null;
  #last = null;

  /** `onState(error, report)` is called after each look; one of the two is null. */
  constructor(onState) {
    this.#onState = onState;
    document.addEventListener('visibilitychange', () => this.resume());
  }

  /** Looks now, and from now on, for as long as the page can be seen. */
  resume() {
    clearTimeout(this.#timer);
    if (document.visibilityState === 'visible') this.#look();
  }

  async #look() {
    const turn = (this.#turn = {});
    let error = null;
    let report = null;
    try {
      report = await (await ask('sequences')).json();
    } catch (thrown) {
      error = thrown;
    }
    // Another look has begun meanwhile.
    if (this.#turn !== turn) return;
    if (report) this.#show(report);
    this.#onState(error, report);
    // Without a key there is nothing to see until there is one.
    if (error?.status !== 401) this.#timer = setTimeout(() => this.resume(), kPeriod);
  }

  #show(report) {
    this.#showTotals(report);
    find('none-running').hidden = report.running.length > 0;
    find('none-waiting').hidden = report.waiting.length > 0;
    const rows = new Map();
    for (const sequence of report.running) {
      const row = this.#rows.get(sequence.number) ?? new Row();
      row.update(sequence, report.context);
      rows.set(sequence.number, row);
      if (!row.element.isConnected) find('running').append(row.element);
    }
    for (const [number, row] of this.#rows) if (!rows.has(number)) row.element.remove();
    this.#rows = rows;
    const waiting = report.waiting.map(({ prompt_tokens, seconds }) =>
      `${formatCount(prompt_tokens)} tokens, for ${formatSeconds(seconds)}`);
    const more = report.waiting_count - waiting.length;
    if (more > 0) waiting.push(`and ${formatCount(more)} more`);
    find('waiting').replaceChildren(...waiting.map((text) => make('li', {}, text)));
  }

  #showTotals(report) {
    const now = performance.now();
    const last = this.#last ?? { now: now - kPeriod, tokens: report.generated_tokens };
    const speed = (1000 * (report.generated_tokens - last.tokens)) / (now - last.now);
    this.#last = { now, tokens: report.generated_tokens };
    const totals = [
      ['Running', formatCount(report.running.length)],
      ['Waiting', formatCount(report.waiting_count)],
      ['All together', formatSpeed(Math.max(0, speed))],
      ['Found in cache', formatShare(report.prefix_hit_tokens, report.prefix_query_tokens)],
      ['Cache memory', report.kv_limit_bytes > 0
        ? `${formatBytes(report.kv_bytes)} of ${formatBytes(report.kv_limit_bytes)}`
        : formatBytes(report.kv_bytes)],
    ];
    find('totals').replaceChildren(...totals.map(([name, value]) =>
      make('div', {}, make('dt', {}, name), make('dd', {}, value))));
  }
}
