// Opens the reports that quotasim writes in a real headless Chromium: no console error, no request, the charts are
// there, a hover shows a value, zooming zooms, and the page fits a laptop, a phone and paper.
//
//   npm install --prefix tests/browser
//   QUOTASIM=target/debug/quotasim node tests/browser/report.mjs
//
// CHROMIUM names the browser (default /usr/bin/chromium). Without a browser the test is skipped and says so, unless
// REQUIRE_BROWSER is set, as it is in .ci/run.

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
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
if (!existsSync(quotasim)) throw new Error(`there is no quotasim at ${quotasim}: build it, or name it in QUOTASIM`);
const { chromium } = await import('playwright-core').catch(() => skip('playwright-core is not installed'));

const CHAT = 'reports/chat-max-tokens/scenario.yaml';
const QUICK = ['--quiet', '--replications', '3', '--set', 'horizon=5m', '--set', 'warmup=1m', '--set', 'slo=[attempt_throttle_rate < 1%]'];
// For every chart what a hover says; `null` is the heat map, whose cells have titles.
const REPORTS = [
  {
    verb: 'run',
    options: [],
    charts: { 'pool-sonnet': 'reserved now: ', 'left-sonnet': 'left in the limiter: ', latency: 'chat: ' },
    says: ['throttled', 'To repeat it', 'quotasim run', 'seed 1'],
  },
  {
    verb: 'compare',
    options: ['--max-tokens', 'unset,1024,4096'],
    charts: {
      'trade-off': 'max_tokens ',
      outcomes: 'attempts throttled: ',
      latency: 'max_tokens 4,096: ',
      'before-sonnet': 'charged in the last minute: ',
      'after-sonnet': 'quota per minute: 400k',
    },
    says: ['Take max_tokens 4,096', 'Difference to max_tokens unset', 'The token bucket holds only 1 s of quota', 'quotasim compare'],
  },
  {
    verb: 'sweep',
    options: ['--vary', 'load=0.5..3:4', '--vary', 'workloads.chat.max_tokens=512,unset'],
    charts: { throttled: 'max_tokens ', goodput: 'max_tokens ', latency: 'max_tokens ', heat: null },
    says: ['up to a load of', 'All points', 'A quota is a sliding window', 'quotasim sweep'],
  },
  {
    verb: 'size',
    options: ['--growth', '2027-01=1x,2027-06=2x'],
    charts: { curve: 'throttled: ', tornado: '20% more: ', growth: 'sonnet: ' },
    says: ['To repeat it', 'quotasim size', 'request-service-quota-increase'],
  },
];
const LAPTOP = { width: 1280, height: 900 };
const PHONE = { width: 375, height: 800 };

/** Writes a report and returns its address. */
async function written(report, directory) {
  const out = join(directory, report.verb);
  const options = [report.verb, CHAT, ...report.options, ...QUICK, '-o', out];
  await promisify(execFile)(quotasim, options, { cwd: root }).catch((error) => {
    // 1 is the answer "no"; the report is written all the same.
    assert.equal(error.code, 1, String(error.stderr));
  });
  return pathToFileURL(join(out, 'report.html')).href;
}

const chartOf = (page, id) => page.locator(`[data-chart="${id}"]`);

/** How many pixels of a chart have a colour that is none of the grid's. */
const ink = (page, id) => chartOf(page, id).locator('canvas').evaluate((canvas) => {
  // A copy: to read from the chart's own canvas is a complaint of the browser's.
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  let coloured = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [red, green, blue, alpha] = data.subarray(i, i + 4);
    if (alpha > 0 && Math.max(red, green, blue) - Math.min(red, green, blue) > 40) coloured += 1;
  }
  return coloured;
});

/** Every chart is there, and every hover says a value. */
async function checkCharts(page, report, where) {
  const said = [];
  for (const [id, words] of Object.entries(report.charts)) {
    const chart = chartOf(page, id);
    assert.equal(await chart.count(), 1, `${where}: the chart ${id}`);
    if (words === null) {
      const cells = chart.locator('.heat > div[title]');
      assert.equal(await cells.count(), 8, `${where}: cells of ${id}`);
      assert.match(await cells.first().getAttribute('title'), /load .*% throttled; (meets|misses) the objectives/);
      continue;
    }
    assert.ok(await ink(page, id) > 50, `${where}: the chart ${id} is empty`);
    const over = chart.locator('.u-over');
    await over.scrollIntoViewIfNeeded();
    await over.hover();
    const tip = chart.locator('.tip');
    await tip.waitFor({ state: 'visible' });
    const text = await tip.innerText();
    assert.ok(text.includes(words) && /\d/.test(text), `${where}: a hover over ${id} says ${text}`);
    said.push(text);
  }
  return said;
}

/** A drag across a chart along numbers zooms in, a double click out. */
async function checkZoom(page, report) {
  const id = { run: 'pool-sonnet', compare: 'before-sonnet', sweep: 'throttled', size: 'curve' }[report.verb];
  const over = chartOf(page, id).locator('.u-over');
  const picture = () => chartOf(page, id).locator('canvas').evaluate((canvas) => canvas.toDataURL());
  await over.scrollIntoViewIfNeeded();
  const box = await over.boundingBox();
  const y = box.y + box.height / 2;
  const whole = await picture();
  await page.mouse.move(box.x + box.width * 0.3, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, y, { steps: 4 });
  await page.mouse.up();
  await page.waitForTimeout(50);
  assert.notEqual(await picture(), whole, `${report.verb}: a drag over ${id} zooms in`);
  await over.dblclick();
  await page.waitForTimeout(50);
  assert.equal(await picture(), whole, `${report.verb}: a double click on ${id} zooms out`);
}

/** On paper nothing is cut off, what is folded is open, and hints about the mouse are gone. */
async function checkPaper(page, report) {
  await page.setViewportSize({ width: 700, height: 1000 });
  await page.emulateMedia({ media: 'print' });
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  await page.waitForTimeout(100);
  const paper = await page.evaluate(() => ({
    wide: Math.max(...[...document.querySelectorAll('.chart canvas')].map((each) => each.getBoundingClientRect().right)),
    folded: document.querySelectorAll('details:not([open])').length,
    hints: [...document.querySelectorAll('.screen')].filter((each) => each.offsetParent).length,
  }));
  assert.ok(paper.wide <= 700, `${report.verb}: a chart reaches ${paper.wide} of 700 pixels on paper`);
  assert.deepEqual([paper.folded, paper.hints], [0, 0], `${report.verb}: paper shows everything and no hints`);
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  assert.ok((await page.pdf({ format: 'A4' })).length > 10_000, `${report.verb}: it prints`);
  await page.emulateMedia({ media: null });
}

async function check(browser, report, directory) {
  const address = await written(report, directory);
  const context = await browser.newContext({ viewport: LAPTOP, offline: true });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (request.url() !== address && !request.url().startsWith('data:')) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(address);
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');
  assert.ok(policy.includes("default-src 'none'"), policy);
  // The answer comes first.
  const answer = await page.locator('h1').innerText();
  assert.ok(answer.length > 20, answer);
  const text = await page.locator('body').innerText();
  for (const words of report.says) assert.ok(text.includes(words), `${report.verb}: the page says ${words}`);

  const said = await checkCharts(page, report, `${report.verb} on a laptop`);
  await checkZoom(page, report);
  await page.setViewportSize(PHONE);
  await page.waitForTimeout(150);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= PHONE.width, `${report.verb}: ${wide} pixels wide on a phone of ${PHONE.width}`);
  await checkCharts(page, report, `${report.verb} on a phone`);
  await checkPaper(page, report);

  assert.deepEqual(complaints, [], `${report.verb}: the console is quiet and nothing is loaded`);
  await context.close();
  console.log(`ok: ${report.verb}: ${Object.keys(report.charts).length} charts; a hover says "${said[0].split('\n').join(' | ')}"`);
}

const directory = mkdtempSync(join(tmpdir(), 'quotasim-browser-'));
let browser;
try {
  browser = await chromium.launch({
    executablePath: browserPath,
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
  await Promise.all(REPORTS.map((report) => check(browser, report, directory)));
} finally {
  await browser?.close();
  rmSync(directory, { recursive: true, force: true });
}
