// Opens the live page of `quotasim serve` in a real headless Chromium: it follows calls and throttles, the console is
// quiet, nothing is loaded from elsewhere, Reset works, and it fits a phone.
//
//   npm install --prefix tests/browser
//   QUOTASIM=target/debug/quotasim node tests/browser/live.mjs
//
// CHROMIUM names the browser (default /usr/bin/chromium). Without a browser the test is skipped and says so, unless
// REQUIRE_BROWSER is set.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const browserPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const quotasim = resolve(root, process.env.QUOTASIM ?? 'target/debug/quotasim');
const model = 'us.anthropic.claude-haiku-4-5-20251001-v1:0';

function skip(reason) {
  if (process.env.REQUIRE_BROWSER) throw new Error(reason);
  console.log(`skipped: ${reason}`);
  process.exit(0);
}

if (!existsSync(browserPath)) skip(`there is no Chromium at ${browserPath}`);
const playwright = await import('playwright-core').catch(() => skip('playwright-core is not installed'));

const server = spawn(quotasim, ['serve', '--model', model, '--tokens-per-minute', '200k', '--port', '0', '--quiet'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [line] = await once(createInterface({ input: server.stdout }), 'line');
const { url } = JSON.parse(line);

async function call(maxTokens) {
  const body = { messages: [{ role: 'user', content: [{ text: 'hello' }] }], inferenceConfig: { maxTokens } };
  const response = await fetch(`${url}/model/${model}/converse`, { method: 'POST', body: JSON.stringify(body) });
  return response.status;
}

const browser = await playwright.chromium.launch({
  executablePath: browserPath,
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const complaints = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:')) complaints.push(request.url());
  });
  await page.goto(`${url}/`);
  await page.getByText('Nobody has called in the last seconds.').waitFor();

  // Six calls of 60,000: three fit into 200,000 at once.
  const statuses = await Promise.all(Array.from({ length: 6 }, () => call(60_000)));
  assert.ok(statuses.includes(200) && statuses.includes(429), statuses.join());
  await page.getByText(/of attempts are throttled at the moment/).waitFor();
  assert.match(await page.locator('#workloads').innerText(), /default\s+6\s+6\s+1\.00\s+\d+%\s+tokens per minute \d/);
  assert.match(await page.locator('.amount').innerText(), /of 200k/);
  const ink = await page.locator('canvas').evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let red = 0;
    for (let i = 0; i < data.length; i += 4) red += data[i] > 150 && data[i + 1] < 100 && data[i + 3] > 0 ? 1 : 0;
    return red;
  });
  assert.ok(ink > 5, 'throttles are drawn');

  await page.getByRole('button', { name: 'Reset' }).click();
  await page.getByText('0% of 0').or(page.getByText('– of 0')).waitFor();

  await page.setViewportSize({ width: 375, height: 800 });
  await page.waitForTimeout(700);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 375, `${wide} pixels wide on a phone of 375`);
  assert.deepEqual(complaints, [], 'the console is quiet and nothing is loaded from elsewhere');
  console.log('ok: the live page');
} finally {
  await browser.close();
  server.kill();
}
