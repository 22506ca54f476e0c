// The live page: asks the endpoint twice a second for its state and for the samples since the last time, and draws
// them. Nothing is computed here but differences and shares.
'use strict';

const EVERY_MS = 500;
const KEPT = 600; // samples, as many as the endpoint keeps
const FEWEST = 120; // samples that the width of a chart stands for at least
const COLOURS = { available: '#0072b2', reserved: '#e69f00', throttled: '#c0392b', line: '#e2e2e2', muted: '#595959' };

const samples = new Map(); // pool name → rows of numbers: time, available, capacity, reserved, in flight, attempts, throttled
const cards = new Map(); // pool name → its elements
let newest = null;
let elapsed = 0;

const byId = (id) => document.getElementById(id);
const whole = (value) => Math.round(value).toLocaleString('en-US');
const share = (part, of) => (of > 0 ? `${(100 * part / of).toFixed(part > 0 && part / of < 0.1 ? 1 : 0)}%` : '–');
const pretty = (word) => word.replaceAll('_', ' ');

function short(value) {
  const size = Math.abs(value);
  for (const [unit, letter] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    // Three digits, without zeros at the end of a fraction.
    if (size >= unit) return `${Number((value / unit).toPrecision(3))}${letter}`;
  }
  return String(Math.round(value));
}

function span(seconds) {
  if (seconds >= 3600) return `${(seconds / 3600).toFixed(1)} h`;
  return seconds >= 120 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`;
}

function card(name) {
  if (!cards.has(name)) {
    const section = byId('pool').content.firstElementChild.cloneNode(true);
    section.querySelector('h2').textContent = name;
    byId('pools').append(section);
    cards.set(name, section);
  }
  return cards.get(name);
}

function fact(list, title, value, bad) {
  const item = document.createElement('div');
  const term = document.createElement('dt');
  const number = document.createElement('dd');
  term.textContent = title;
  number.textContent = value;
  if (bad) number.className = 'bad';
  item.append(term, number);
  list.append(item);
}

function limits(throttles) {
  const names = Object.entries(throttles).filter(([, count]) => count > 0);
  return names.length ? names.map(([name, count]) => `${pretty(name)} ${whole(count)}`).join(', ') : '–';
}

// What changed over the last few seconds of the endpoint's time.
function recent(rows) {
  const last = rows.at(-1);
  const first = rows.at(-Math.min(rows.length, 21));
  if (!last || !first || last === first) return { seconds: 0, attempts: 0, throttled: 0 };
  return { seconds: last[0] - first[0], attempts: last[5] - first[5], throttled: last[6] - first[6] };
}

function showPool(name, pool) {
  const section = card(name);
  const quota = pool.tokens_per_minute;
  const rows = samples.get(name) ?? [];
  section.querySelector('.model').textContent =
    `${pool.model === name ? '' : `${pool.model} · `}${quota ? `${short(quota.limit)} tokens per minute` : 'no tokens quota'}` +
    ` · ${pool.requests_per_minute ? `${short(pool.requests_per_minute.limit)} requests per minute` : 'no requests quota'}` +
    ` · burndown rate ${pool.burndown_rate}`;

  const gauge = section.querySelector('.gauge');
  gauge.hidden = !quota;
  if (quota) {
    const level = Math.max(0, Math.min(1, quota.available / quota.capacity));
    const held = Math.min(1 - level, pool.reserved / quota.capacity);
    section.querySelector('.level').style.height = `${100 * level}%`;
    section.querySelector('.held').style.bottom = `${100 * level}%`;
    section.querySelector('.held').style.height = `${100 * held}%`;
    section.querySelector('.amount').textContent = `${short(quota.available)} of ${short(quota.capacity)}`;
    gauge.setAttribute('aria-label', `${whole(quota.available)} of ${whole(quota.capacity)} quota tokens available`);
  }

  const now = recent(rows);
  const list = section.querySelector('dl');
  list.replaceChildren();
  fact(list, 'in flight', whole(pool.in_flight));
  fact(list, 'reserved now', short(pool.reserved));
  fact(list, 'attempts per second', now.seconds ? (now.attempts / now.seconds).toFixed(1) : '–');
  fact(list, 'throttled lately', share(now.throttled, now.attempts), now.throttled > 0);
  fact(list, 'throttled in all', `${share(pool.throttled, pool.attempts)} of ${whole(pool.attempts)}`, pool.throttled > 0);
  fact(list, 'charged ÷ reserved', share(pool.ledger.settled, pool.ledger.reserved - pool.ledger.open));
  draw(section.querySelector('canvas'), rows);
}

// The levels over time, and above them a mark for each half second with throttles, as tall as there were many.
function draw(canvas, rows) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const c = canvas.getContext('2d');
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, width, height);
  if (rows.length < 2) return;

  const box = { left: 46, right: width - 6, top: 44, bottom: height - 20 };
  const last = rows.at(-1)[0];
  const step = last - rows.at(-2)[0];
  const from = last - step * (Math.max(rows.length, FEWEST) - 1);
  const top = Math.max(...rows.map((row) => row[2] ?? row[3]), 1);
  const low = Math.min(0, ...rows.map((row) => row[1] ?? 0));
  const x = (time) => box.left + (box.right - box.left) * (time - from) / (last - from);
  const y = (value) => box.bottom - (box.bottom - box.top) * (value - low) / (top - low);

  c.font = '12px system-ui, sans-serif';
  c.fillStyle = COLOURS.muted;
  c.strokeStyle = COLOURS.line;
  c.lineWidth = 1;
  c.textAlign = 'right';
  c.textBaseline = 'middle';
  for (const value of [0, top / 2, top, ...(y(low) - y(0) > 14 ? [low] : [])]) {
    c.beginPath();
    c.moveTo(box.left, Math.round(y(value)) + 0.5);
    c.lineTo(box.right, Math.round(y(value)) + 0.5);
    c.stroke();
    c.fillText(short(value), box.left - 6, y(value));
  }
  c.textBaseline = 'alphabetic';
  c.fillText('now', box.right, height - 4);
  c.textAlign = 'left';
  c.fillText(`${span(last - from)} ago`, box.left, height - 4);

  // Reservations stand on what is available, as in the bucket beside the chart; without a quota, on the ground.
  const level = (row) => row[1] ?? 0;
  const held = (row) => Math.min(Math.max(level(row), 0) + row[3], top);
  const area = (lower, upper, colour, alpha) => {
    c.beginPath();
    for (const row of rows) c.lineTo(x(row[0]), y(upper(row)));
    for (const row of rows.toReversed()) c.lineTo(x(row[0]), y(lower(row)));
    c.fillStyle = colour;
    c.globalAlpha = alpha;
    c.fill();
    c.globalAlpha = 1;
  };
  area(() => 0, level, COLOURS.available, 0.35);
  area((row) => Math.max(level(row), 0), held, COLOURS.reserved, 0.55);
  c.beginPath();
  for (const row of rows) c.lineTo(x(row[0]), y(level(row)));
  c.strokeStyle = COLOURS.available;
  c.lineWidth = 1.5;
  c.stroke();

  const throttled = rows.map((row, place) => (place ? Math.max(0, row[6] - rows[place - 1][6]) : 0));
  const most = Math.max(...throttled);
  if (most > 0) {
    c.fillStyle = COLOURS.throttled;
    const bar = Math.max(1, (x(last) - x(last - step)) * 0.8);
    throttled.forEach((count, place) => {
      const tall = count ? Math.max(2, (box.top - 22) * count / most) : 0;
      c.fillRect(x(rows[place][0]) - bar, box.top - 6 - tall, bar, tall);
    });
    c.textAlign = 'left';
    c.fillText(`throttled, at most ${short(most / step)} a second`, box.left, 11);
  }
}

function showWorkloads(workloads) {
  const rows = Object.entries(workloads).map(([name, of]) => {
    const others = Object.entries(of.outcomes).filter(([word]) => !['succeeded', 'throttled'].includes(word));
    const cells = [
      name, whole(of.requests), whole(of.attempts), of.attempts_per_request?.toFixed(2) ?? '–',
      share(of.throttled, of.attempts), limits(of.throttles_by_limit),
      others.map(([word, count]) => `${pretty(word)} ${whole(count)}`).join(', ') || '–',
      of.latency_ms_mean === null ? '–' : `${(of.latency_ms_mean / 1000).toFixed(2)} s`,
    ];
    const row = document.createElement('tr');
    cells.forEach((text, place) => {
      const cell = document.createElement('td');
      cell.textContent = text;
      if (place === 0 || place === 5) cell.className = 'w';
      row.append(cell);
    });
    return row;
  });
  byId('workloads').replaceChildren(...rows);
}

function answer(pools) {
  let attempts = 0;
  let throttled = 0;
  for (const name of Object.keys(pools)) {
    const now = recent(samples.get(name) ?? []);
    attempts += now.attempts;
    throttled += now.throttled;
  }
  const heading = byId('answer');
  heading.className = throttled > 0 ? 'bad' : '';
  if (attempts === 0) heading.textContent = 'Nobody has called in the last seconds.';
  else if (throttled === 0) heading.textContent = 'Nothing is throttled at the moment.';
  else heading.textContent = `${share(throttled, attempts)} of attempts are throttled at the moment.`;
}

async function show() {
  const [state, history] = await Promise.all(
    ['/_quotasim/state', `/_quotasim/history${newest === null ? '' : `?since=${newest}`}`].map(async (path) => (await fetch(path)).json()),
  );
  if (state.elapsed_s < elapsed) {
    samples.clear(); // reset, or started again: counts run anew, and after a start the time, too
    newest = null;
  }
  elapsed = state.elapsed_s;
  for (const [name, rows] of Object.entries(history.pools)) {
    const known = samples.get(name) ?? [];
    samples.set(name, known.concat(rows).slice(-KEPT));
    if (rows.length) newest = Math.max(newest ?? 0, rows.at(-1)[0]);
  }
  byId('kicker').textContent = `quotasim serve ${state.version} · ${state.scenario}`;
  const pace = state.speed === null ? 'stepped by hand' : state.speed === 1 ? '' : `${state.speed} times as fast as the clock`;
  byId('clock').textContent = `${span(state.elapsed_s)} since the start${pace && ` · ${pace}`}`;
  for (const [name, pool] of Object.entries(state.pools)) showPool(name, pool);
  showWorkloads(state.workloads);
  answer(state.pools);
  if (!byId('assumptions').childElementCount) {
    byId('assumptions').replaceChildren(...state.assumptions.map((sentence) => {
      const item = document.createElement('li');
      item.textContent = sentence;
      return item;
    }));
  }
}

async function run() {
  for (;;) {
    try {
      await show();
    } catch {
      byId('answer').className = 'bad';
      byId('answer').textContent = 'The endpoint does not answer.';
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

byId('reset').addEventListener('click', () => fetch('/_quotasim/reset', { method: 'POST' }));
run();
