// The server's page in a browser.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { expectIdle, key, startServer, tooLong } from '../clients/server.mjs';
import { launch, openPage } from './browser.mjs';

const kWeather = JSON.stringify([
  { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } } },
  { type: 'function', function: { name: 'get_time', parameters: { type: 'object', properties: {} } } }]);

let server, browser, current;
before(async () => {
  server = await startServer(['--context', '8000', '--max-batch', '2'],
    { script: fileURLToPath(new URL('script.json', import.meta.url)) });
  browser = await launch();
});
after(async () => {
  await browser.close();
  await server.stop();
});
afterEach(() => current.check());

/** What a new page offers to the tests. */
async function open(options) {
  current = await openPage(browser, server, options);
  return current;
}

const hasFocus = (locator) => locator.evaluate((element) => element === document.activeElement);

async function setTools(find, tools) {
  await find('settings-toggle').click();
  await find('tools').fill(tools);
}

test('an answer streams, with its reasoning, its numbers, and in words for screen readers', async () => {
  const { page, find, say, answer, usage } = await open();
  await say('Say hello.');
  await usage().waitFor();
  assert.equal(await answer().locator('.content').textContent(), 'Hello there. How are you?');
  const reasoning = answer().locator('.reasoning');
  assert.equal(await reasoning.locator('.text').textContent(), 'A greeting is asked for.');
  assert(!(await reasoning.locator('.text').isVisible()), 'it closes once the answer begins');
  await reasoning.locator('summary').press('Enter');
  assert(await reasoning.locator('.text').isVisible());
  assert.match(await usage().textContent(), /^prompt \d+ tokens · \d+ cached \(\d+ %\) · answer \d+ tokens · [\d.,]+ tok\/s$/);
  assert.match(await find('announcer').textContent(), /Thinking\..*Hello there\. How are you\?/);
  assert.equal(await page.locator('.question').textContent(), 'Say hello.');
});

test('what was said before is sent again, and comes from the cache', async () => {
  const { say, usage } = await open();
  await say('Say hello.');
  await usage().waitFor();
  await say('Say hello. Again.');
  await usage().getByText(/[1-9]\d* cached/).waitFor();
});

test('without thinking there is no reasoning', async () => {
  const { find, say, answer, usage } = await open();
  await find('thinking').selectOption('none');
  await say('Say hello.');
  await usage().waitFor();
  assert.equal(await answer().locator('.reasoning').count(), 0);
});

test('a call is shown as it comes, answered, and the model goes on', async () => {
  const { find, say, answer, usage, page } = await open();
  await setTools(find, kWeather);
  await say('What is the weather?');
  await answer().locator('.arguments').getByText('"city": "Os').waitFor();
  assert(await find('stop').isVisible(), 'the arguments are shown before the answer ends');
  const result = page.getByLabel('Result of get_weather');
  await result.waitFor();
  assert.deepEqual(JSON.parse(await answer().locator('.arguments').textContent()),
    { city: 'Oslo <b>', days: 2 });
  assert(await hasFocus(result));
  assert(await find('send').isDisabled());
  await result.fill('4 mm of rain');
  await result.press('Enter');
  await usage().getByText(/answer/).waitFor();
  await answer().getByText('Take an umbrella.').waitFor();
  assert.equal(await page.locator('.result pre').textContent(), '4 mm of rain');
});

test('two calls wait for both results', async () => {
  const { find, say, answer, page } = await open();
  await setTools(find, kWeather);
  await say('Ask two.');
  await page.getByLabel('Result of get_weather').press('Enter');
  assert(await hasFocus(page.getByLabel('Result of get_time')));
  await page.keyboard.type('at noon');
  await page.keyboard.press('Enter');
  await answer().getByText('It is noon in Oslo.').waitFor();
});

test('tools that are no list are refused in words', async () => {
  const { find, say, page } = await open();
  await setTools(find, '{"name"');
  await say('Say hello.');
  await page.getByRole('alert').getByText('The tools are not JSON').waitFor();
  assert.equal(await page.locator('.question').count(), 0);
  await find('tools').fill('');
  await find('message').press('Enter');
  await page.locator('.usage').waitFor();
});

test('an answer is stopped by the button and by Escape', async () => {
  const { find, say, answer, page } = await open();
  await say('Talk for long.');
  await answer().getByText('One word').waitFor();
  await find('stop').click();
  await answer().getByText('Stopped.').waitFor();
  await expectIdle(server);
  await say('Talk for long.');
  await answer().getByText('One word').waitFor();
  await page.keyboard.press('Escape');
  await answer().getByText('Stopped.').waitFor();
  await expectIdle(server);
  assert(!(await answer().textContent()).includes('nobody does'));
  await say('Say hello.');
  await answer().getByText('Hello there.').waitFor();
});

test('errors are told in words, and an answer can be tried again', async () => {
  const { say, answer, page } = await open();
  await say(tooLong);
  await page.getByRole('alert').getByText(/prompt is too long: \d+ tokens/).waitFor();
  await page.getByText('New chat').click();
  await page.route('**/v1/chat/completions', (route) => route.abort(), { times: 1 });
  await say('Say hello.');
  await page.getByRole('alert').getByText('The server cannot be reached.').waitFor();
  await page.getByText('Try again').click();
  await answer().getByText('Hello there.').waitFor();
  assert.equal(await page.locator('.answer').count(), 1);
});

test('what a model says is text, whatever it says', async () => {
  const { page, find, say, answer } = await open();
  await setTools(find, kWeather);
  await say('Attack. <img src=x onerror="document.title=\'broken\'">');
  await page.locator('.results').waitFor();
  const attack = '<img src=x onerror="document.title=\'broken\'">';
  assert.equal(await answer().locator('.reasoning .text').textContent(), attack);
  assert((await answer().locator('.content').textContent()).startsWith(attack + '<script>'));
  assert.equal(await answer().locator('.call .call-name').textContent(), '<b>get</b>');
  assert.equal(JSON.parse(await answer().locator('.arguments').textContent()).city, attack);
  await page.getByLabel('Result of').fill(attack);
  await page.getByLabel('Result of').press('Enter');
  assert.equal(await page.locator('#log img, #log script, #log b').count(), 0);
  assert.equal(await page.title(), 'Fathom');
});

test('the policy forbids scripts that are not files of the page', async () => {
  const { page, errors } = await open();
  const { headers } = await fetch(server.url);
  assert.match(headers.get('content-security-policy'), /default-src 'none'; script-src 'self'/);
  assert.equal(headers.get('set-cookie'), null);
  const refused = await page.evaluate(() => {
    try {
      document.body.innerHTML = '<b>x</b>';
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(refused, 'TypeError');
  assert.match(errors.splice(0).join(), /TrustedHTML/);
});

test('a key is asked for, kept for the tab alone, and asked for again if it is wrong', async () => {
  const { page, find, say, answer } = await open({ withKey: false });
  await find('key').fill('wrong');
  await find('key').press('Enter');
  await page.getByText('The server did not take the last key.').waitFor();
  await find('key').fill(key);
  await find('key').press('Enter');
  await find('state').getByText('ready').waitFor();
  assert(await hasFocus(find('message')));
  await say('Say hello.');
  await answer().getByText('Hello there.').waitFor();
  assert.deepEqual(await page.evaluate(() => Object.values(sessionStorage)), [key]);
});

test('the live view shows what runs and what waits, and nobody\'s words', async () => {
  const { page, find } = await open();
  await find('none-running').waitFor();
  const abort = new AbortController();
  const chats = [1, 2, 3].map((number) => fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST', headers: { 'x-api-key': key }, signal: abort.signal,
    body: JSON.stringify({ messages: [{ role: 'user', content: `Talk for long. Secret ${number}` }],
      reasoning_effort: 'none', stream: true }) }));
  await page.locator('#running li').nth(1).waitFor();
  const row = page.locator('#running li').first();
  await row.getByText('answering').waitFor();
  assert.match(await row.locator('.facts').textContent(), /^\d+ of 8,000 tokens · prompt \d+ % cached$/);
  assert.match(await row.locator('.speed').textContent(), /^[\d.]+ tok\/s$/);
  for (const name of ['this cache', 'V3.2', 'GQA-8'])
    assert.match(await row.locator('.bar', { hasText: name }).locator('.value').textContent(), /^[\d.]+ [kM]B$/);
  assert.match(await page.locator('#waiting li').textContent(), /^\d+ tokens, for [\d.]+ s$/);
  assert.equal((await find('live-count').textContent()).trim(), '2 + 1');
  assert(!(await page.textContent('body')).includes('Secret'));
  abort.abort();
  await Promise.allSettled(chats);
  await find('none-running').waitFor();
  await find('none-waiting').waitFor();
});

test('nothing is asked while nobody can see it', async () => {
  const { page, find } = await open();
  await find('state').getByText('ready').waitFor();
  const show = (visibility) => page.evaluate((value) => {
    Object.defineProperty(document, 'visibilityState', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, visibility);
  await show('hidden');
  let looks = 0;
  page.on('request', (request) => { looks += request.url().endsWith('/sequences'); });
  await page.waitForTimeout(2500);
  assert.equal(looks, 0);
  const again = page.waitForRequest('**/sequences');
  await show('visible');
  await again;
});

test('a keyboard is enough', async () => {
  const { page, find, answer } = await open({ withKey: false });
  await find('key-dialog').waitFor();
  await page.keyboard.type(key);
  await page.keyboard.press('Enter');
  await page.keyboard.type('Say');
  await page.keyboard.press('Shift+Enter');
  assert.equal(await find('message').inputValue(), 'Say\n');
  await page.keyboard.press('Backspace');
  await page.keyboard.type(' hello.');
  await page.keyboard.press('Enter');
  await answer().getByText('Hello there.').waitFor();
  await page.locator('.usage').waitFor();
  assert(await hasFocus(find('message')));
  const order = [];
  for (let i = 0; i < 3; ++i) {
    await page.keyboard.press('Tab');
    order.push(await page.evaluate(() => document.activeElement.id));
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, 'solid', `${order.at(-1)} shows that it has the focus`);
  }
  assert.deepEqual(order, ['thinking', 'settings-toggle', 'send']);
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  assert(await find('system').isVisible());
  for (const control of await page.locator('button, input, select, textarea').all())
    assert(await control.evaluate((one) => one.labels?.length > 0 || one.textContent.trim() !== ''),
      'every control has a name');
});

/** The contrast of two CSS colours, 1 to 21, as WCAG counts it. */
function measureContrast(one, other) {
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\d.]+/g).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

test('dark and light are both easy to read', async () => {
  const backgrounds = [];
  for (const colorScheme of ['light', 'dark']) {
    const { page, say, usage } = await open({ colorScheme });
    await say('Say hello.');
    await usage().waitFor();
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    for (const part of ['.content', '.usage', '#state', '.reasoning summary', 'button.quiet']) {
      const color = await page.locator(part).first().evaluate((one) => getComputedStyle(one).color);
      assert(measureContrast(color, background) >= 4.5, `${part} in ${colorScheme}`);
    }
    backgrounds.push(background);
    if (colorScheme === 'light') await current.check();
  }
  assert.notEqual(backgrounds[0], backgrounds[1]);
});

test('a screen of 360 pixels is wide enough', async () => {
  const { page, find, say, usage, answer } = await open({ viewport: { width: 360, height: 640 } });
  await find('state').getByText('ready').waitFor();
  assert(!(await find('live').isVisible()), 'the live view waits until it is asked for');
  await setTools(find, kWeather);
  await find('settings-toggle').click();
  await say(`Say hello. ${'x'.repeat(200)}`);
  await usage().waitFor();
  await find('live-toggle').click();
  assert(await find('live').isVisible());
  assert(await answer().locator('.content').isVisible());
  const width = await page.evaluate(() => Math.max(...[...document.querySelectorAll('body *')]
    .filter((one) => !one.closest('.unseen')).map((one) => one.getBoundingClientRect().right)));
  assert(width <= 360, `something ends at ${width}`);
});
