import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { callAsInReadme } from './readme.mjs';
import { expectCachedLoop, expectIdle, model, startServer, stepSchema, tooLong } from './server.mjs';

const user = (content) => ({ role: 'user', content });
let server, client;
before(async () => {
  server = await startServer(['--context', '8000']);
  client = callAsInReadme(OpenAI, server.url).withOptions({ maxRetries: 0 });
});
after(() => server.stop());

test('chat', async () => {
  const answer = await client.chat.completions.create({ model, messages: [user('Say hello.')] });
  assert.equal(answer.choices[0].message.content, 'Hello there.');
  assert.equal(answer.choices[0].message.reasoning_content, 'A greeting is asked for.');
  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('chat stream', async () => {
  const stream = await client.chat.completions.create({
    model, messages: [user('Say hello.')], stream: true, stream_options: { include_usage: true } });
  let content = '', reasoning = '', usage;
  for await (const chunk of stream) {
    content += chunk.choices[0]?.delta.content ?? '';
    reasoning += chunk.choices[0]?.delta.reasoning_content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.equal(content, 'Hello there.');
  assert.equal(reasoning, 'A greeting is asked for.');
  assert(usage.completion_tokens_details.reasoning_tokens > 0);
});

test('a stream outlives silence', async () => {
  const stream = client.chat.completions.stream({ model, messages: [user('Think for long.')] });
  assert.equal((await stream.finalChatCompletion()).choices[0].message.content, 'Yes.');
});

test('tool loop', () => expectCachedLoop(server, async (takeStep) => {
  const runner = client.chat.completions.runTools({
    model, messages: [user('Take the steps.')], stream: true,
    tools: [{ type: 'function', function: {
      name: 'take_step', parameters: stepSchema, parse: JSON.parse, function: takeStep } }] });
  assert.equal(await runner.finalContent(), 'All steps are taken.');
  const calls = runner.messages.flatMap((message) => message.tool_calls ?? []);
  assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments).how),
    ['slowly, with <care>', '"quoted"\nand broken', '', 'at last']);
}));

test('responses, with a tool loop', () => expectCachedLoop(server, async (takeStep) => {
  const tools = [{ type: 'function', name: 'take_step', parameters: stepSchema, strict: false }];
  const input = [user('Take the steps.')];
  let response;
  do {
    const stream = client.responses.stream({
      model, input, tools, store: false, include: ['reasoning.encrypted_content'] });
    for await (const event of stream) assert(event.type);
    response = await stream.finalResponse();
    input.push(...response.output);
    for (const item of response.output.filter(({ type }) => type === 'function_call')) {
      input.push({ type: 'function_call_output', call_id: item.call_id,
        output: await takeStep(JSON.parse(item.arguments)) });
    }
  } while (input.at(-1).type === 'function_call_output');
  assert.equal(response.output_text, 'All steps are taken.');
}));

test('abort', async () => {
  const stream = await client.chat.completions.create({
    model, messages: [user('Talk for long.')], reasoning_effort: 'none', stream: true });
  for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
  stream.controller.abort();
  await expectIdle(server);
});

test('errors', async () => {
  await assert.rejects(client.chat.completions.create({ model, messages: [user('x')], n: 1000 }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === 'n');
  const stranger = client.withOptions({ apiKey: 'wrong' });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  await assert.rejects(client.chat.completions.create({ model, messages: [user(tooLong)] }),
    (error) => error.status === 400 && error.code === 'context_length_exceeded');
});

test('models', async () => {
  assert.equal((await client.models.list()).data[0].id, model);
});
