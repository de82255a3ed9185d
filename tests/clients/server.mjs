// Starts the server with the answers of a script, and tells what it logged.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
/** As in the README's snippets. */
export const key = 'x';
export const model = 'v4';

/** A server with `args` on top of the usual ones, whose heartbeats come after `heartbeat` seconds. */
export async function startServer(args, { heartbeat = 0.2, script = here('script.json') } = {}) {
  const program = process.env.FATHOM_SCRIPTED_SERVE;
  assert(program, 'FATHOM_SCRIPTED_SERVE names the program to test');
  const kept = mkdtempSync(join(tmpdir(), 'fathom-kv-'));
  const records = [];
  let process_, url;
  async function start(port) {
    process_ = spawn(program, ['serve', '--script', script, '--port', port, '--api-key', key,
      '--model', here('../../tests/models/recall'), '--model-name', model, '--kv-memory', '1G', '--kv-dir', kept,
      '--threads', '1', '--heartbeat', heartbeat, '--drain', '0', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: process_.stderr }).on('line', (line) => {
      if (line.startsWith('{')) records.push(JSON.parse(line));
      else console.error(line);
    });
    const ended = once(process_, 'exit').then(() => assert.fail('the server has ended'));
    const [line] = await Promise.race([once(createInterface({ input: process_.stdout }), 'line'), ended]);
    url = line.replace('Listening on ', '');
    while (!(await fetch(url + '/health')).ok) await sleep(50);
  }
  async function endProcess(signal) {
    process_.kill(signal);
    if (process_.exitCode === null) await once(process_, 'exit');
    assert.equal(process_.exitCode, signal === 'SIGTERM' ? 0 : null);
  }
  await start(0);
  return {
    url,
    async stop() {
      await endProcess('SIGTERM');
      rmSync(kept, { recursive: true });
    },
    /** Another process at the same address, which has what this one kept. */
    async restart(signal = 'SIGTERM') {
      await endProcess(signal);
      await start(new URL(url).port);
    },
    /** Requests that the model has answered until now, as the server logged them, oldest first. */
    async answered() {
      const marker = await fetch(url + '/version', { headers: { 'x-api-key': key } });
      const id = marker.headers.get('x-request-id');
      while (!records.some((record) => record.id === id)) await sleep(5);
      return records.filter((record) => record.prompt_tokens > 0);
    },
    async metric(name) {
      const response = await fetch(url + '/metrics', { headers: { 'x-api-key': key } });
      const found = (await response.text()).split('\n').find((one) => one.startsWith(name));
      return Number(found.split(' ').at(-1));
    },
  };
}

/** Tokens of a conversation's request that were there before: the request before it, and its answer. */
export const knownTokens = (before) => before.prompt_tokens + before.completion_tokens;

/**
 * Tokens that end an answer with calls and follow from what was before them, in a vocabulary of
 * bytes: they are computed with the next prompt.
 */
const forcedEnd = 14;

/** Of every request but the first, 99 % of what was computed before come from the cache. */
export function expectCached(records) {
  assert(records.length > 1, 'more than one request');
  for (let i = 1; i < records.length; ++i) {
    const known = knownTokens(records[i - 1]);
    assert(records[i].cached_tokens >= 0.99 * (known - forcedEnd),
      `request ${i}: ${records[i].cached_tokens} of ${known} tokens were cached`);
  }
}

/**
 * A loop of tool calls is cached, also if the server is restarted or killed while the second step is
 * taken.
 */
export async function expectCachedLoop(server, loop) {
  for (const signal of [undefined, 'SIGTERM', 'SIGKILL']) {
    const earlier = (await server.answered()).length;
    await loop(async (step) => {
      // A step takes a moment, in which what the cache holds is written.
      if (signal && step.number === 2) await sleep(500).then(() => server.restart(signal));
      return takeStep(step);
    });
    expectCached((await server.answered()).slice(earlier));
  }
}

/** Waits until nothing is under way: a client that has left leaves nothing behind. */
export async function expectIdle(server) {
  const end = Date.now() + 5000;
  while (await server.metric('vllm:num_requests_running') > 0) {
    assert(Date.now() < end, 'a request of a client that has left is still under way');
  }
}

const takeStep = ({ number }) => `took step ${number}`;
export const stepSchema = {
  type: 'object',
  properties: { number: { type: 'integer' }, how: { type: 'string' } },
  required: ['number', 'how'],
};
export const tooLong = 'word '.repeat(5000);
