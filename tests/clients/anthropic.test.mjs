import Anthropic from '@anthropic-ai/sdk';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { callAsInReadme } from './readme.mjs';
import { expectCachedLoop, expectIdle, model, startServer, stepSchema, tooLong } from './server.mjs';

const usual = { model, max_tokens: 2000 };
const thinking = { type: 'enabled', budget_tokens: 1024 };
const user = (content) => ({ role: 'user', content });
let server, client;
before(async () => {
  server = await startServer(['--context', '8000']);
  client = callAsInReadme(Anthropic, server.url).withOptions({ maxRetries: 0 });
});
after(() => server.stop());

test('message', async () => {
  const message = await client.messages.create({ ...usual, messages: [user('Say hello.')] });
  assert.deepEqual(message.content, [{ type: 'text', text: 'Hello there.' }]);
  assert.equal(message.stop_reason, 'end_turn');
});

test('message stream', async () => {
  const stream = client.messages.stream({ ...usual, thinking, messages: [user('Say hello.')] });
  const message = await stream.finalMessage();
  assert.deepEqual(message.content.map(({ type }) => type), ['thinking', 'text']);
  assert.equal(message.content[0].thinking, 'A greeting is asked for.');
  assert.equal(message.content[1].text, 'Hello there.');
  assert(message.usage.output_tokens > 0);
});

test('a stream outlives silence', async () => {
  const stream = client.messages.stream({ ...usual, messages: [user('Think for long.')] });
  assert.equal(await stream.finalText(), 'Yes.');
});

test('tool loop', () => expectCachedLoop(server, async (takeStep) => {
  const tools = [{ name: 'take_step', input_schema: stepSchema }];
  const messages = [user('Take the steps.')];
  let message;
  do {
    message = await client.messages.stream({ ...usual, thinking, tools, messages }).finalMessage();
    messages.push({ role: 'assistant', content: message.content });
    const uses = message.content.filter(({ type }) => type === 'tool_use');
    const results = [];
    for (const { id, input } of uses) {
      results.push({ type: 'tool_result', tool_use_id: id, content: await takeStep(input) });
    }
    if (results.length > 0) messages.push(user(results));
  } while (message.stop_reason === 'tool_use');
  assert.equal(message.content.at(-1).text, 'All steps are taken.');
  assert(message.usage.cache_read_input_tokens > 0);
}));

test('abort', async () => {
  const stream = client.messages.stream({ ...usual, messages: [user('Talk for long.')] });
  await new Promise((done) => stream.once('text', done));
  stream.abort();
  await assert.rejects(stream.done(), Anthropic.APIUserAbortError);
  await expectIdle(server);
});

test('errors', async () => {
  await assert.rejects(
    client.messages.create({ ...usual, temperature: 7, messages: [user('x')] }),
    (error) => error instanceof Anthropic.BadRequestError && /temperature/.test(error.message));
  const stranger = client.withOptions({ apiKey: 'wrong' });
  await assert.rejects(stranger.models.list(), Anthropic.AuthenticationError);
  await assert.rejects(client.messages.create({ ...usual, messages: [user(tooLong)] }),
    /prompt is too long: \d+ tokens > 8000 maximum/);
});

test('count tokens', async () => {
  const count = await client.messages.countTokens({ model, messages: [user('Hi.')] });
  assert(count.input_tokens > 3);
});
