// Whole agents, without a terminal, on one task: two commands in a shell, one after the other.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { expectCached, key, startServer } from './server.mjs';

let server, home;
before(async () => {
  home = mkdtempSync(join(tmpdir(), 'fathom-agent-'));
  server = await startServer(['--context', '200000']);
});
after(async () => {
  await server.stop();
  rmSync(home, { recursive: true });
});

/** Runs an agent in a home of its own and returns what it printed. */
async function run(name, args, env) {
  const program = fileURLToPath(new URL(`node_modules/.bin/${name}`, import.meta.url));
  const agent = spawn(program, args, {
    cwd: home, stdio: ['ignore', 'pipe', 'inherit'], timeout: 280_000,
    env: { PATH: process.env.PATH, HOME: home, NO_COLOR: '1', ...env } });
  let printed = '';
  agent.stdout.on('data', (bytes) => { printed += bytes; });
  const [code] = await once(agent, 'close');
  assert.equal(code, 0, printed);
  return printed;
}

test('pi', async () => {
  const earlier = (await server.answered()).length;
  const provider = { baseUrl: server.url + '/v1', api: 'openai-completions', apiKey: key,
    models: [{ id: 'scripted', name: 'scripted', reasoning: true, input: ['text'],
      contextWindow: 200000, maxTokens: 4096, cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 } }] };
  mkdirSync(join(home, '.pi/agent'), { recursive: true });
  writeFileSync(join(home, '.pi/agent/models.json'), JSON.stringify({ providers: { local: provider } }));
  const printed = await run('pi', ['-p', '--provider', 'local', '--model', 'scripted', 'Run pi.'],
    { PI_OFFLINE: '1' });
  assert.match(printed, /Pi is finished\./);
  expectCached((await server.answered()).slice(earlier));
});

// Its own instructions and tools are 78 KB, of which the bundled model's small vocabulary makes more
// tokens than there is time for.
test('qwen', async () => {
  const earlier = (await server.answered()).length;
  mkdirSync(join(home, '.qwen'), { recursive: true });
  writeFileSync(join(home, '.qwen/settings.json'), JSON.stringify({ tools: { core: ['run_shell_command'] } }));
  writeFileSync(join(home, 'system.md'), 'You are an agent that runs commands.');
  const printed = await run('qwen', ['--auth-type', 'openai', '--yolo', '-p', 'Run qwen.'],
    { OPENAI_BASE_URL: server.url + '/v1', OPENAI_API_KEY: key, OPENAI_MODEL: 'scripted',
      QWEN_SYSTEM_MD: join(home, 'system.md') });
  assert.match(printed, /Qwen is finished\./);
  expectCached((await server.answered()).slice(earlier));
});
