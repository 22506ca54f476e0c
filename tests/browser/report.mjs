// Opens the reports that quotasim writes in a real headless Chromium: no console error, no request, the charts are
// there, a hover shows a value, and the page fits a laptop, a phone and paper.
//
//   npm install --prefix tests/browser
//   QUOTASIM=target/debug/quotasim node tests/browser/report.mjs
//
// CHROMIUM names the browser (default /usr/bin/chromium). Without a browser the test is skipped and says so, unless
// REQUIRE_BROWSER is set, as it is in CI.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import assert from 'node:assert/strict';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const browserPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const quotasim = resolve(root, process.env.QUOTASIM ?? 'target/debug/quotasim');

function skip(reason) {
  if (process.env.REQUIRE_BROWSER) throw new Error(reason);
  console.log(`skipped: ${reason}`);
  process.exit(0);
}

if (!existsSync(browserPath)) skip(`there is no Chromium at ${browserPath}`);
const playwright = await import('playwright-core').catch(() => skip('playwright-core is not installed'));

const CHAT = 'reports/chat-max-tokens/scenario.yaml';
const QUICK = ['--quiet', '--replications', '3', '--set', 'horizon=5m', '--set', 'slo=[attempt_throttle_rate < 1%]'];
const REPORTS = [
  { verb: 'run', options: [], charts: ['pool-sonnet', 'latency'], hover: 'pool-sonnet', says: 'charged in the last minute' },
  {
    verb: 'compare',
    options: ['--max-tokens', 'unset,512,2048'],
    charts: ['outcomes', 'latency', 'before-sonnet', 'after-sonnet'],
    hover: 'outcomes',
    says: 'attempts throttled: ',
  },
  {
    verb: 'sweep',
    options: ['--vary', 'load=0.5..3:4', '--vary', 'workloads.chat.max_tokens=512,unset'],
    charts: ['throttled', 'goodput', 'heat'],
    hover: 'throttled',
    says: 'max_tokens unset: ',
  },
];

const directory = mkdtempSync(join(tmpdir(), 'quotasim-browser-'));
const browser = await playwright.chromium.launch({
  executablePath: browserPath,
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});

async function check(report) {
  const out = join(directory, report.verb);
  try {
    execFileSync(quotasim, [report.verb, CHAT, ...report.options, ...QUICK, '-o', out], { cwd: root, stdio: 'pipe' });
  } catch (error) {
    // 1 is the answer "no"; the report is written all the same.
    assert.equal(error.status, 1, String(error.stderr));
  }
  const address = pathToFileURL(join(out, 'report.html')).href;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, offline: true });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (request.url() !== address && !request.url().startsWith('data:')) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(address);

  // The answer comes first, and every chart has ink.
  assert.ok((await page.locator('h1').innerText()).length > 20, 'an answer');
  for (const id of report.charts) {
    const chart = page.locator(`[data-chart="${id}"]`);
    assert.equal(await chart.count(), 1, `${report.verb}: the chart ${id}`);
    if (id === 'heat') {
      assert.ok((await chart.locator('.heat > div').count()) > 8, 'cells');
      continue;
    }
    const ink = await chart.locator('canvas').evaluate((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let coloured = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] > 0 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 40) coloured += 1;
      }
      return coloured;
    });
    assert.ok(ink > 50, `${report.verb}: the chart ${id} is empty`);
  }

  // A hover shows a value.
  const over = page.locator(`[data-chart="${report.hover}"] .u-over`);
  await over.scrollIntoViewIfNeeded();
  await over.hover();
  const tip = page.locator(`[data-chart="${report.hover}"] .tip`);
  await tip.waitFor({ state: 'visible' });
  const words = await tip.innerText();
  assert.ok(words.includes(report.says) && /\d/.test(words), `${report.verb}: a hover says ${words}`);

  // A phone: nothing is wider than the screen. Paper: it prints.
  await page.setViewportSize({ width: 375, height: 800 });
  await page.waitForTimeout(150);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 375, `${report.verb}: ${wide} pixels wide on a phone of 375`);
  assert.ok((await page.pdf({ format: 'A4' })).length > 10_000, 'it prints');

  assert.deepEqual(complaints, [], `${report.verb}: the console is quiet and nothing is loaded`);
  await context.close();
  console.log(`ok: ${report.verb}: ${report.charts.length} charts; a hover says "${words.split('\n').join(' | ')}"`);
}

try {
  for (const report of REPORTS) await check(report);
} finally {
  await browser.close();
  rmSync(directory, { recursive: true, force: true });
}
