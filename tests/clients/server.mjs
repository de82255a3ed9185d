// Starts the server with the answers of script.json, and tells what it logged.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
export const key = 'key-of-the-tests';

/** A server with `args` on top of the usual ones, which has heartbeats come after `heartbeat` seconds. */
export async function startServer(args, heartbeat = 0.2) {
  const program = process.env.FATHOM_SCRIPTED_SERVE;
  assert(program, 'FATHOM_SCRIPTED_SERVE names the program to test');
  const process_ = spawn(program, ['serve', '--script', here('script.json'), '--port', '0', '--api-key', key,
    '--model', here('../../models/default'), '--model-name', 'scripted', '--kv-memory', '1G',
    '--threads', '1', '--heartbeat', heartbeat, '--drain', '0', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const records = [];
  createInterface({ input: process_.stderr }).on('line', (line) => {
    if (line.startsWith('{')) records.push(JSON.parse(line));
    else console.error(line);
  });
  const [line] = await once(createInterface({ input: process_.stdout }), 'line');
  const url = line.replace('Listening on ', '');
  for (let ready = false; !ready;) {
    ready = (await fetch(url + '/health')).ok;
    if (!ready) await new Promise((done) => setTimeout(done, 50));
  }
  return {
    url,
    /** Requests that the model has answered until now, as the server logged them, oldest first. */
    async answered() {
      const marker = await fetch(url + '/version', { headers: { 'x-api-key': key } });
      const id = marker.headers.get('x-request-id');
      while (!records.some((record) => record.id === id)) await new Promise((done) => setTimeout(done, 5));
      return records.filter((record) => record.prompt_tokens > 0);
    },
    async metric(name) {
      const response = await fetch(url + '/metrics', { headers: { 'x-api-key': key } });
      const found = (await response.text()).split('\n').find((one) => one.startsWith(name));
      return Number(found.split(' ').at(-1));
    },
    async stop() {
      process_.kill('SIGTERM');
      if (process_.exitCode === null) await once(process_, 'exit');
      assert.equal(process_.exitCode, 0);
    },
  };
}

/** Of every request but the first, 99 % of the prompt that was there before come from the cache. */
export function expectCached(records) {
  assert(records.length > 1, 'more than one request');
  for (let i = 1; i < records.length; ++i) {
    const known = records[i - 1].prompt_tokens + records[i - 1].completion_tokens;
    assert(records[i].cached_tokens >= 0.99 * known,
      `request ${i}: ${records[i].cached_tokens} of ${known} tokens were cached`);
  }
}

/** Waits until nothing is under way: a client that has left leaves nothing behind. */
export async function expectIdle(server) {
  const end = Date.now() + 5000;
  while (await server.metric('vllm:num_requests_running') > 0) {
    assert(Date.now() < end, 'a request of a client that has left is still under way');
  }
}

export const takeStep = ({ number }) => `took step ${number}`;
export const stepSchema = {
  type: 'object',
  properties: { number: { type: 'integer' }, how: { type: 'string' } },
  required: ['number', 'how'],
};
export const tooLong = 'word '.repeat(5000);
