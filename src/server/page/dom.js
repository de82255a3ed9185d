// Elements and numbers. What somebody or a model wrote only ever becomes a text node.

/** An element with properties and children; strings among these are text. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

export const find = (id) => document.getElementById(id);

/** Sets a text if it is another one: what has not changed keeps its selection. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const kCount = new Intl.NumberFormat('en');
export const formatCount = (count) => kCount.format(count);

const kDecimal = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
/** 3 significant digits, as in 12.3 tok/s. */
export const formatSpeed = (perSecond) => `${kDecimal.format(perSecond)} tok/s`;

export const formatShare = (part, whole) =>
  whole > 0 ? `${Math.floor((100 * part) / whole)} %` : '0 %';

/** Bytes in decimal units: "3.51 GB". */
export function formatBytes(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (bytes >= 999.5 && unit + 1 < units.length) {
    bytes /= 1000;
    ++unit;
  }
  return `${kDecimal.format(bytes)} ${units[unit]}`;
}

export const formatSeconds = (seconds) =>
  seconds < 10 ? `${seconds.toFixed(1)} s` : `${formatCount(Math.round(seconds))} s`;

/**
 * Lets a screen reader follow a stream sentence by sentence: token by token nobody could understand
 * it.
 */
export class Announcer {
  #region;
  #rest = '';

  constructor(region) {
    this.#region = region;
  }

  say(text) {
    if (!text.trim()) return;
    this.#region.append(make('p', {}, text));
    while (this.#region.childElementCount > 20) this.#region.firstElementChild.remove();
  }

  /** Takes the next piece of a text, and says what has come to the end of a sentence. */
  add(piece) {
    this.#rest += piece;
    const sentences = this.#rest.match(/^[^]*(?:[.!?:]\s|[。！？\n])/);
    if (!sentences) return;
    this.#rest = this.#rest.slice(sentences[0].length);
    this.say(sentences[0]);
  }

  /** Says what is left of the text. */
  finish() {
    this.say(this.#rest);
    this.#rest = '';
  }
}
