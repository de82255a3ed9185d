// Takes the README's picture of the page, if FATHOM_PICTURE names its file.
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { key, startServer } from '../clients/server.mjs';
import { launch, openPage } from './browser.mjs';

const kTools = JSON.stringify([{ name: 'read_soundings', parameters: { type: 'object', properties: {
  chart: { type: 'string' }, near: { type: 'string' }, count: { type: 'integer' } } } }]);

test('a picture for the README', { skip: !process.env.FATHOM_PICTURE }, async () => {
  const server = await startServer(['--context', '64000', '--max-batch', '2'],
    { script: fileURLToPath(new URL('script.json', import.meta.url)) });
  const browser = await launch();
  const { page, find, say, usage, check } = await openPage(browser, server);
  await find('settings-toggle').click();
  await find('tools').fill(kTools);
  await find('settings-toggle').click();
  await say('How deep is the sea here?');
  await page.getByLabel('Result of').fill('61 m, 63 m, 64 m');
  await page.getByLabel('Result of').press('Enter');
  await usage().getByText('answer').waitFor();
  const abort = new AbortController();
  const chats = [900, 2500, 4000].map((words) => fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST', headers: { 'x-api-key': key }, signal: abort.signal,
    body: JSON.stringify({ messages: [{ role: 'system', content: 'word '.repeat(words) },
      { role: 'user', content: 'Read it.' }], reasoning_effort: 'none', stream: true }) }));
  await page.getByText('answering').nth(1).waitFor({ timeout: 60_000 });
  await page.waitForTimeout(1500);
  await page.screenshot({ path: process.env.FATHOM_PICTURE });
  abort.abort();
  await Promise.allSettled(chats);
  await check();
  await browser.close();
  await server.stop();
});
