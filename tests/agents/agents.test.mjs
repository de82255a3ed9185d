// Large agents with all their instructions and tools: a loop of tool calls that the server is restarted
// in, another turn after it was killed, and a turn that is broken off.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectCached, expectIdle, startServer } from '../clients/server.mjs';
import { agents, makeAgent } from './agents.mjs';
import { describeRun, writeReport } from './report.mjs';

// The third step's command lasts until the test lets it end. No text of a step is in its command.
const answers = ({ shell, read }) => [
  { when: 'Generate a title', reasoning: 'A title.', content: 'Steps' },
  { when: 'Take the steps.', reasoning: 'The shell can do it.', calls: [shell('echo step-$((0 + 1))')] },
  { when: 'step-1', reasoning: 'Read.', content: 'Now I read.', calls: [read('note.txt')] },
  { when: 'step-2', reasoning: 'Wait.',
    calls: [shell('touch waits; until [ -e may-end ]; do sleep 0.1; done; echo step-$((1 + 2))')] },
  { when: 'step-3', reasoning: 'That was all.', content: 'All steps are taken.' },
  { when: 'One more.', reasoning: 'The shell again.', content: 'I go on.', calls: [shell('echo step-$((2 + 2))')] },
  { when: 'step-4', reasoning: 'Done.', content: 'One more is taken.' },
  { when: 'Talk for long.', reasoning: 'Words.', content: 'word '.repeat(500), delay: 0.05 },
];

async function waitFor(what, agent) {
  let closed = false;
  agent.closed.then(() => { closed = true; });
  while (!await what()) {
    assert(!closed, `the agent has ended: ${agent.printed}${agent.complaints}`);
    await sleep(100);
  }
}

// opencode asks for a title beside the conversation, in a short request.
const conversation = (records) => {
  const longest = Math.max(...records.map((record) => record.prompt_tokens));
  return records.filter((record) => record.prompt_tokens > longest / 2);
};

async function expectSteps(agent, server, { begin, goOn }) {
  const steps = agent.start(begin('Take the steps.'), 600);
  await waitFor(() => existsSync(join(agent.folder, 'waits')), steps);
  const beforeRestart = conversation(await server.answered()).length;
  await server.restart();
  writeFileSync(join(agent.folder, 'may-end'), '');
  assert.equal(await steps.closed, 0, steps.complaints);
  assert.match(steps.printed, /All steps are taken\./);

  const beforeNextTurn = conversation(await server.answered()).length;
  await server.restart('SIGKILL');
  assert.match(await agent.run(goOn('One more.'), 600), /One more is taken\./);

  const records = conversation(await server.answered());
  expectCached(records);
  return { records, restarts: [beforeRestart, beforeNextTurn] };
}

async function expectAbort(agent, server, { begin }) {
  const talk = agent.start(begin('Talk for long.'), 600);
  const said = () => server.metric('vllm:generation_tokens_total');
  const already = await said();
  await waitFor(async () => await said() > already + 20, talk);
  talk.kill('SIGTERM');
  await talk.closed;
  await expectIdle(server);
}

const runs = [];
for (const one of agents) {
  test(`${one.name}, ${one.api}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'fathom-script-'));
    const script = join(folder, 'script.json');
    writeFileSync(script, JSON.stringify(answers(one)));
    t.after(() => rmSync(folder, { recursive: true }));
    const server = await startServer(['--context', '200000'], { script });
    t.after(() => server.stop());
    const agent = makeAgent(one, server.url);
    t.after(() => agent.remove());
    writeFileSync(join(agent.folder, 'note.txt'), 'step-2\n');
    const begun = Date.now();
    const steps = await expectSteps(agent, server, one);
    runs.push(describeRun(one, { ...steps, seconds: (Date.now() - begun) / 1000 }));
    await expectAbort(agent, server, one);
  });
}

test('report', () => {
  assert.equal(runs.length, agents.length, 'all agents have done their work');
  writeReport(runs);
});
