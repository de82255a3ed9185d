// Seven minutes without a token. FATHOM_SILENCE=1 runs it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startServer } from '../clients/server.mjs';
import { agents, makeAgent } from './agents.mjs';

const answers = [
  { when: 'Generate a title', reasoning: 'A title.', content: 'Silence' },
  { when: 'Think for seven minutes.', reasoning: 'Hm.', content: 'Yes, it is.', first_delay: 440 },
  { when: 'Think.', reasoning: 'Hm.', content: 'Yes, it is.' },
];

async function waitForSilence(server) {
  for (let before = 0; ;) {
    await sleep(1000);
    const computed = await server.metric('vllm:prompt_tokens_total');
    if (computed > 0 && computed === before) return;
    before = computed;
  }
}

test('seven minutes of silence', { skip: !process.env.FATHOM_SILENCE }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fathom-script-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const script = join(folder, 'script.json');
  writeFileSync(script, JSON.stringify(answers));
  const server = await startServer(['--context', '200000'], { script, heartbeat: 10 });
  t.after(() => server.stop());
  const ask = async (one, text) => {
    const agent = makeAgent(one, server.url);
    t.after(() => agent.remove());
    assert.match(await agent.run(one.begin(text), 900), /Yes, it is\./, one.name);
  };
  // The engine stands still for all of them. Every client asks once: none has given up and tried again.
  const [first, ...others] = agents;
  const answered = [ask(first, 'Think for seven minutes.')];
  await waitForSilence(server);
  const begun = Date.now();
  answered.push(...others.map((one) => ask(one, 'Think.')));
  await Promise.all(answered);
  assert(Date.now() - begun > 420_000);
  const records = (await server.answered()).filter((record) => record.prompt_tokens > 10_000);
  assert.equal(records.length, agents.length);
});
