// Seven minutes without a token, which clients survive by the heartbeats alone. FATHOM_SILENCE=1 runs it.
import Anthropic from '@anthropic-ai/sdk';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { streamText } from 'ai';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { callAsInReadme } from './readme.mjs';
import { model, startServer } from './server.mjs';

const patience = { maxRetries: 0, timeout: 3600_000 };

test('seven minutes of silence', { skip: !process.env.FATHOM_SILENCE }, async () => {
  const server = await startServer(['--context', '8000'], { heartbeat: 10 });
  const openai = callAsInReadme(OpenAI, server.url).withOptions(patience);
  const anthropic = callAsInReadme(Anthropic, server.url).withOptions(patience);
  const aiSdk = callAsInReadme(createOpenAICompatible, server.url);
  const user = (content) => [{ role: 'user', content }];
  // The engine stands still for all of them.
  const first = openai.chat.completions.stream({ model, messages: user('Think for seven minutes.') });
  const begun = Date.now();
  const answers = await Promise.all([
    first.finalChatCompletion().then((chat) => chat.choices[0].message.content),
    openai.responses.stream({ model, input: 'Think for long.' }).finalResponse().then((one) => one.output_text),
    anthropic.messages.stream({ model, max_tokens: 2000, messages: user('Think for long.') }).finalText(),
    streamText({ model: aiSdk(model), maxRetries: 0, prompt: 'Think for long.' }).text,
  ]);
  assert.deepEqual(answers, ['Yes.', 'Yes.', 'Yes.', 'Yes.']);
  assert(Date.now() - begun > 420_000);
  await server.stop();
});
