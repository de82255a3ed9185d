// The snippets of README.md under "Use it with your agent". Tests use them as they stand there, but for
// the server's address.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const section = readme.split('### Use it with your agent\n')[1].split('\n### ')[0];

function findOne(pattern, url, what) {
  const found = [...section.matchAll(pattern)];
  assert.equal(found.length, 1, `README.md has ${found.length} snippets for ${what}`);
  return found[0][1].replaceAll('http://127.0.0.1:8000', url);
}

/** What the call of `callee` returns, as the README writes it: "new OpenAI({ … })". */
export function callAsInReadme(callee, url) {
  const pattern = new RegExp('`((?:new )?' + callee.name + '\\([^`]*\\))`', 'g');
  return new Function(callee.name, 'return ' + findOne(pattern, url, callee.name))(callee);
}

/** The command that starts `program`, with the variables in front of it. */
export const commandInReadme = (program, url) =>
  findOne(new RegExp('`((?:[A-Z_]+=\\S+ )*' + program + '(?: [^`]*)?)`', 'g'), url, program);

/** The contents of the file that the text before them names. */
export const fileInReadme = (path, url) =>
  findOne(new RegExp('reads `' + path.replaceAll('.', '\\.') + '`.*?```\\w+\\n(.*?)\\n```', 'gs'), url, path);
