// A browser, and pages in it that note what must not happen in any test.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { key } from '../clients/server.mjs';

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  // The gate runs as root, where Chromium has no sandbox; it loads nothing but the server's page.
  args: ['--no-sandbox'],
});

// What the browser itself says of responses that are no 200, which some tests ask for.
const isOfNetwork = (text) => text.startsWith('Failed to load resource');

/** A page of the server. `check()` fails if it erred, went elsewhere, or left something behind. */
export async function openPage(browser, server, { withKey = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 760 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const errors = [];
  const foreign = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !isOfNetwork(message.text())) errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.stack));
  context.on('request', (request) => {
    if (!request.url().startsWith(`${server.url}/`)) foreign.push(request.url());
  });
  if (withKey) await page.addInitScript((value) => sessionStorage.setItem('fathom.key', value), key);
  await page.goto(server.url);
  const find = (id) => page.locator(`#${id}`);
  return {
    page,
    errors,
    find,
    answer: () => page.locator('.answer').last(),
    usage: () => page.locator('.answer').last().locator('.usage'),
    async say(text) {
      await find('message').fill(text);
      await find('message').press('Enter');
    },
    async check() {
      assert.deepEqual(errors, []);
      assert.deepEqual(foreign, []);
      assert.deepEqual(await context.cookies(), []);
      assert.equal(await page.evaluate(() => localStorage.length), 0);
      await context.close();
    },
  };
}
