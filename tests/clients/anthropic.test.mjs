import Anthropic from '@anthropic-ai/sdk';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { expectCached, expectIdle, key, startServer, stepSchema, takeStep, tooLong } from './server.mjs';

const usual = { model: 'scripted', max_tokens: 2000 };
const thinking = { type: 'enabled', budget_tokens: 1024 };
const user = (content) => ({ role: 'user', content });
let server, client;
before(async () => {
  server = await startServer(['--context', '8000']);
  client = new Anthropic({ baseURL: server.url, apiKey: key, maxRetries: 0 });
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

test('tool loop', async () => {
  const earlier = (await server.answered()).length;
  const tools = [{ name: 'take_step', input_schema: stepSchema }];
  const messages = [user('Take the steps.')];
  let message;
  do {
    message = await client.messages.stream({ ...usual, thinking, tools, messages }).finalMessage();
    messages.push({ role: 'assistant', content: message.content });
    const uses = message.content.filter(({ type }) => type === 'tool_use');
    if (uses.length > 0) {
      messages.push(user(uses.map(({ id, input }) => (
        { type: 'tool_result', tool_use_id: id, content: takeStep(input) }))));
    }
  } while (message.stop_reason === 'tool_use');
  assert.equal(message.content.at(-1).text, 'All steps are taken.');
  assert(message.usage.cache_read_input_tokens > 0);
  expectCached((await server.answered()).slice(earlier));
});

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
  const stranger = new Anthropic({ baseURL: server.url, apiKey: 'wrong', maxRetries: 0 });
  await assert.rejects(stranger.models.list(), Anthropic.AuthenticationError);
  await assert.rejects(client.messages.create({ ...usual, messages: [user(tooLong)] }),
    /prompt is too long: \d+ tokens > 8000 maximum/);
});

test('count tokens', async () => {
  const count = await client.messages.countTokens({ model: 'scripted', messages: [user('Hi.')] });
  assert(count.input_tokens > 3);
});
