// The table of docs/clients.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { knownTokens } from '../clients/server.mjs';

const versions = JSON.parse(readFileSync(new URL('package.json', import.meta.url))).dependencies;
const page = new URL('../../docs/clients.md', import.meta.url);

/** The share of the tokens known before that came from the cache, rounded down. */
function share(records, indices) {
  const sum = (value) => indices.map(value).reduce((a, b) => a + b);
  // What the prompt has beyond them may be cached too, but is not asked for.
  const cached = sum((i) => Math.min(records[i].cached_tokens, knownTokens(records[i - 1])));
  const known = sum((i) => knownTokens(records[i - 1]));
  return (Math.floor(10000 * cached / known) / 100).toFixed(2) + ' %';
}

/** A line of the table: `restarts` are the indices of the first request after each. */
export function describeRun(agent, { records, restarts, seconds }) {
  const all = [...records.keys()].slice(1);
  return [agent.name, versions[agent.package], agent.api, records.length, records[0].prompt_tokens,
    share(records, all), share(records, restarts), seconds.toFixed(0)];
}

export function writeReport(rows) {
  const lines = rows.map((row) => `| ${row.join(' | ')} |\n`).join('');
  const old = readFileSync(page, 'utf8');
  const text = old.replace(/(\n\|---.*\n)(\|.*\n)*/, (_, head) => head + lines);
  writeFileSync(page, text);
}
