// What the page asks the server, and how it says what went wrong.

const kKeyName = 'fathom.key';

export const readKey = () => sessionStorage.getItem(kKeyName);
export const writeKey = (key) => sessionStorage.setItem(kKeyName, key);

/** What is to be said to the user. `status` is that of HTTP, 0 if there was no whole response. */
export class RequestError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

const kUnreachable = 'The server cannot be reached.';
const kCutOff = 'The connection ended before the answer did.';

// A header holds bytes, and a key may have other letters than those of Latin-1.
const toBytes = (text) => String.fromCharCode(...new TextEncoder().encode(text));

async function describe(response) {
  const body = await response.json().catch(() => null);
  const message = (body?.error?.message ?? response.statusText).replace(/\.$/, '');
  const seconds = Number(response.headers.get('retry-after'));
  const again = seconds > 0 ? ` It may be worth trying again in ${seconds} s.` : '';
  const what = {
    400: 'The server refused the request',
    401: 'The server wants a key',
    403: 'The server does not answer this page',
    413: 'The conversation is too large for the server',
    429: 'The server is busy',
    503: 'The server is not ready',
  }[response.status] ?? `The server failed (${response.status})`;
  return new RequestError(`${what}: ${message}.${again}`, response.status);
}

/** The response to a GET, or to a POST of `body`. Throws a RequestError unless `signal` aborted it. */
export async function ask(path, { body, signal } = {}) {
  const key = readKey();
  let response;
  try {
    response = await fetch(path, {
      method: body ? 'POST' : 'GET',
      headers: key ? { Authorization: `Bearer ${toBytes(key)}` } : {},
      body: body && JSON.stringify(body),
      signal,
      cache: 'no-store',
      credentials: 'omit',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestError(kUnreachable);
  }
  if (!response.ok) throw await describe(response);
  return response;
}

/** The chunks of a streamed chat completion, usage included, as docs/api.md has them. */
export async function* streamChat(request, signal) {
  const body = { ...request, stream: true, stream_options: { include_usage: true } };
  const response = await ask('v1/chat/completions', { body, signal });
  for await (const data of readEvents(response.body, signal)) {
    if (data === '[DONE]') return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new RequestError(`The server gave up: ${chunk.error.message}.`);
    yield chunk;
  }
  throw new RequestError(kCutOff);
}

// The data of server-sent events. Heartbeats are comments, which have none.
async function* readEvents(body, signal) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  while (true) {
    const { value, done } = await reader.read().catch((error) => {
      if (signal.aborted) throw error;
      throw new RequestError(kCutOff);
    });
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop();
    for (const event of events) if (event.startsWith('data: ')) yield event.slice('data: '.length);
  }
}
