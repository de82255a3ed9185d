import { createAnthropic } from '@ai-sdk/anthropic';
import { createDeepSeek } from '@ai-sdk/deepseek';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { callAsInReadme } from './readme.mjs';
import { expectCachedLoop, expectIdle, model, startServer, tooLong } from './server.mjs';

const providers = {
  'openai-compatible': createOpenAICompatible,
  deepseek: createDeepSeek,
  anthropic: createAnthropic,
};
let server;
before(async () => { server = await startServer(['--context', '8000']); });
after(() => server.stop());

for (const [name, make] of Object.entries(providers)) {
  const call = (prompt, more) => ({
    model: callAsInReadme(make, server.url)(model), maxRetries: 0, prompt, ...more });

  test(`${name}: text`, async () => {
    assert.equal((await generateText(call('Say hello.'))).text, 'Hello there.');
  });

  test(`${name}: stream`, async () => {
    const result = streamText(call('Think for long.'));
    assert.equal(await result.text, 'Yes.');
  });

  test(`${name}: tool loop`, () => expectCachedLoop(server, async (execute) => {
    const tools = { take_step: tool({
      inputSchema: z.object({ number: z.number(), how: z.string() }), execute }) };
    const result = streamText(call('Take the steps.', { tools, stopWhen: stepCountIs(9) }));
    assert.equal(await result.text, 'All steps are taken.');
    const usage = await result.totalUsage;
    assert(usage.cachedInputTokens > 0, 'the client sees what was cached');
  }));

  test(`${name}: abort`, async () => {
    const abort = new AbortController();
    const result = streamText(call('Talk for long.', { abortSignal: abort.signal, onError() {} }));
    for await (const part of result.fullStream) {
      if (part.type === 'text-delta' || part.type === 'reasoning-delta') abort.abort();
    }
    await expectIdle(server);
  });

  test(`${name}: context overflow`, async () => {
    await assert.rejects(generateText(call(tooLong)), /prompt is too long/);
  });
}
