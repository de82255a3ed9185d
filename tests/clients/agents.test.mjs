// Small agents on one task: two commands in a shell, one after the other.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { Agent } from './agent.mjs';
import { commandInReadme, fileInReadme } from './readme.mjs';
import { expectCached, startServer } from './server.mjs';

const programs = [fileURLToPath(new URL('node_modules/.bin', import.meta.url))];
let server;
before(async () => { server = await startServer(['--context', '200000']); });
after(() => server.stop());

async function expectWork(agent, args, words) {
  const earlier = (await server.answered()).length;
  assert.match(await agent.run(args), words);
  expectCached((await server.answered()).slice(earlier));
  agent.remove();
}

test('pi', async () => {
  const agent = new Agent(commandInReadme('pi', server.url), programs, { PI_OFFLINE: '1' });
  agent.write('~/.pi/agent/models.json', fileInReadme('~/.pi/agent/models.json', server.url));
  await expectWork(agent, ['-p', 'Run pi.'], /Pi is finished\./);
});

// Its own instructions and tools are 78 KB, of which the bundled model's small vocabulary makes more
// tokens than there is time for.
test('qwen', async () => {
  const agent = new Agent(commandInReadme('qwen', server.url), programs);
  agent.write('~/.qwen/settings.json', JSON.stringify({ tools: { core: ['run_shell_command'] } }));
  agent.env.QWEN_SYSTEM_MD = agent.write('system.md', 'You are an agent that runs commands.');
  await expectWork(agent, ['--yolo', '-p', 'Run qwen.'], /Qwen is finished\./);
});
