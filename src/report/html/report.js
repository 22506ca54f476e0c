// Draws the charts of a quotasim report from the data in the page. No request leaves it.
(() => {
  'use strict';
  const data = JSON.parse(document.getElementById('data').textContent);
  const PHONE = 480;
  const PAPER = 660;

  const trim = (x, digits) => String(Number(x.toPrecision(digits)));
  const percent = (x) => (x === 0 ? '0%' : x < 0.001 ? trim(x * 100, 2) + '%' : trim(x * 100, 3) + '%');
  const short = (x) => {
    const a = Math.abs(x);
    for (const [unit, suffix] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
      if (a >= unit * 0.9995) return trim(x / unit, 3) + suffix;
    }
    return trim(x, 3);
  };
  const duration = (ms) => (ms >= 12e4 ? trim(ms / 6e4, 3) + ' min' : ms >= 1e3 ? trim(ms / 1e3, 3) + ' s' : trim(ms, 3) + ' ms');
  const minutes = (x) => trim(x, 3) + ' min';
  const write = { percent, number: short, duration, minutes };

  const element = (name, parent, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    if (parent) parent.append(made);
    return made;
  };

  // Shares span four decades and may be zero: below the floor they stand on it, and the tooltip says the true value.
  const FLOOR = 1e-4;
  const BELOW = FLOOR * 0.7;
  const DECADES = [1e-4, 1e-3, 1e-2, 0.1, 1];
  const share = (value) => (value <= FLOOR ? '0' : percent(value));
  const drawn = (chart) => (value) => (value === null ? null : chart.y.floor ? Math.max(value, FLOOR) : value);

  // A stacked series stands on the one before it; what it says is its own value.
  const heights = (chart) => {
    const all = [];
    chart.series.forEach((series) => {
      const below = series.look === 'stacked' ? all[all.length - 1] : null;
      all.push(series.values.map((value, i) => (value === null ? null : drawn(chart)(value) + (below ? below[i] : 0))));
    });
    return all;
  };

  // 1, 2 and 5 in each decade of a logarithmic axis.
  const logSplits = (low, high) => {
    const splits = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e += 1) {
      [1, 2, 5].forEach((m) => splits.push(m * 10 ** e));
    }
    return splits.filter((value) => value >= low && value <= high);
  };

  const axisValue = (chart) => (value) => {
    if (chart.x.categories) return chart.x.categories[value] ?? '';
    return chart.x.floor ? share(value) : write[chart.x.format](value);
  };

  function tooltip(holder, chart) {
    const tip = element('div', holder, '', 'tip');
    tip.hidden = true;
    return (u) => {
      const { left, idx } = u.cursor;
      if (idx === null || idx === undefined || left < 0) { tip.hidden = true; return; }
      tip.replaceChildren();
      const at = axisValue(chart)(chart.x.values[idx]);
      element('b', tip, chart.x.floor ? `${at} ${chart.x.label}` : at);
      chart.series.forEach((series) => {
        const value = series.values[idx];
        if (value === null || series.silent) return;
        const row = element('div', tip);
        element('i', row).style.background = series.colour;
        const low = series.low && series.low[idx];
        const high = series.high && series.high[idx];
        const y = write[chart.y.format];
        const interval = low === null || low === undefined ? '' : ` (${y(low)} – ${y(high)})`;
        row.append(`${series.name}: ${y(value)}${interval}`);
      });
      tip.hidden = tip.childElementCount < 2;
      const box = u.over.getBoundingClientRect();
      const origin = holder.getBoundingClientRect();
      const x = box.left - origin.left + left;
      const room = origin.width - x > tip.offsetWidth + 24;
      tip.style.left = (room ? x + 14 : Math.max(0, x - tip.offsetWidth - 14)) + 'px';
      tip.style.top = box.top - origin.top + 8 + 'px';
    };
  }

  const pixels = (size) => size * devicePixelRatio;

  // Intervals, beneath the lines: bars at categories, bands along numbers.
  function drawIntervals(u, chart) {
    const { ctx, bbox } = u;
    const up = drawn(chart);
    const x = (i) => u.valToPos(chart.x.values[i], 'x', true);
    const y = (value) => u.valToPos(up(value), 'y', true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    chart.series.forEach((series) => {
      if (!series.low) return;
      const known = (i) => series.values[i] !== null && series.low[i] !== null;
      const places = chart.x.values.map((_, i) => i).filter(known);
      ctx.fillStyle = ctx.strokeStyle = series.colour;
      if (chart.x.categories) {
        ctx.globalAlpha = 0.6;
        ctx.lineWidth = pixels(2);
        places.forEach((i) => {
          ctx.beginPath();
          ctx.moveTo(x(i), y(series.low[i]));
          ctx.lineTo(x(i), y(series.high[i]));
          ctx.stroke();
        });
        return;
      }
      ctx.globalAlpha = 0.2;
      ctx.beginPath();
      places.forEach((i, n) => ctx[n ? 'lineTo' : 'moveTo'](x(i), y(series.high[i])));
      places.reverse().forEach((i) => ctx.lineTo(x(i), y(series.low[i])));
      ctx.fill();
    });
    ctx.restore();
  }

  // Bounds as dashed lines, points that are marked, and ticks along the upper edge.
  function drawMarks(u, chart) {
    const { ctx, bbox } = u;
    const [right, bottom] = [bbox.left + bbox.width, bbox.top + bbox.height];
    const at = (axis, value) => u.valToPos(value, axis, true);
    const within = (x, y) => x >= bbox.left && x <= right && y >= bbox.top && y <= bottom;
    ctx.save();
    ctx.font = `${pixels(12)}px system-ui, sans-serif`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'alphabetic';
    chart.series.filter((series) => series.look === 'ticks').forEach((series) => {
      ctx.fillStyle = series.colour;
      series.values.forEach((value, i) => {
        const from = Math.max(bbox.left, i ? at('x', chart.x.values[i - 1]) : bbox.left);
        const to = Math.min(right, at('x', chart.x.values[i]));
        if (value && to > from) ctx.fillRect(from, bbox.top, to - from, pixels(6));
      });
    });
    ctx.lineWidth = pixels(1.5);
    ctx.strokeStyle = ctx.fillStyle = '#222';
    ctx.setLineDash([pixels(7), pixels(5)]);
    chart.rules.forEach((rule) => {
      const place = at(rule.across ? 'x' : 'y', rule.value);
      const [x, y] = rule.across ? [place, bbox.top] : [bbox.left, place];
      if (!within(x, y)) return;
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(rule.across ? x : right, rule.across ? bottom : y);
      ctx.stroke();
      ctx.fillText(rule.label, x + pixels(6), rule.across ? y + pixels(14) : y - pixels(5));
    });
    ctx.setLineDash([]);
    ctx.lineWidth = pixels(2.5);
    const taken = [];
    chart.marks.forEach((mark) => {
      const [x, y] = [at('x', mark.x), at('y', mark.y)];
      if (!within(x, y)) return;
      ctx.strokeStyle = mark.colour;
      ctx.fillStyle = mark.ink;
      if (mark.ring) {
        ctx.beginPath();
        ctx.arc(x, y, pixels(7), 0, 2 * Math.PI);
        ctx.stroke();
      }
      // Upwards until no other label is in the way.
      const wide = ctx.measureText(mark.label).width;
      const left = x + pixels(9) + wide > right ? x - pixels(9) - wide : x + pixels(9);
      let base = y - pixels(8);
      const hits = (box) => Math.abs(box.base - base) < pixels(13) && box.left < left + wide && left < box.left + box.wide;
      while (taken.some(hits)) base -= pixels(14);
      taken.push({ left, wide, base });
      ctx.fillText(mark.label, left, base);
    });
    ctx.restore();
  }

  function axes(chart, width) {
    const { categories } = chart.x;
    const narrow = categories && width / chart.x.values.length < 90;
    const y = write[chart.y.format];
    const label = (of) => (u, splits) => splits.map((value) => (value === null ? '' : of(value)));
    const logarithmic = (u, axis, low, high) => logSplits(low, high);
    const fixed = (floor) => (floor ? () => DECADES : undefined);
    return [
      {
        label: chart.x.label,
        labelSize: 22,
        grid: { stroke: '#eee' },
        splits: categories ? () => chart.x.values : fixed(chart.x.floor) ?? (chart.x.log ? logarithmic : undefined),
        // Without this a logarithmic axis labels only some of its lines.
        filter: chart.x.log ? (u, splits) => splits : undefined,
        values: label(axisValue(chart)),
        rotate: narrow ? -35 : 0,
        size: narrow ? 70 : 36,
      },
      {
        size: 70,
        grid: { stroke: '#e6e6e6' },
        splits: fixed(chart.y.floor) ?? (chart.y.log ? logarithmic : undefined),
        filter: chart.y.log ? (u, splits) => splits : undefined,
        values: label(chart.y.floor ? share : y),
      },
    ];
  }

  function scales(chart) {
    const { categories } = chart.x;
    const y = chart.y;
    return {
      x: chart.x.floor
        ? { time: false, distr: 3, range: (u, low, high) => (u.zoomed ? [low, high] : [BELOW, 1]) }
        : { time: false, range: categories ? [-0.4, chart.x.values.length - 0.6] : undefined, distr: chart.x.log ? 3 : 1 },
      y: y.floor
        ? { distr: 3, range: [BELOW, 1] }
        : y.log ? { distr: 3, range: (u, low, high) => uPlot.rangeLog(low, Math.max(high, y.most ?? 0), 10, false) } : { range: (u, low, high) => [0, (y.most ?? (high || 1)) * 1.08] },
    };
  }

  function lines(holder, chart) {
    const width = () => Math.max(260, holder.clientWidth);
    const height = () => (width() < PHONE ? 240 : 340);
    const { categories } = chart.x;
    const stacked = chart.series.findIndex((series) => series.look === 'stacked');
    const nothing = () => null;
    const plot = new uPlot({
      width: width(),
      height: height(),
      legend: { show: false },
      cursor: { y: false, drag: { x: !categories, y: false } },
      hooks: {
        drawAxes: [(u) => drawIntervals(u, chart)],
        draw: [(u) => drawMarks(u, chart)],
        setSelect: [(u) => { u.zoomed = true; }],
      },
      scales: scales(chart),
      axes: axes(chart, width()),
      bands: stacked < 0 ? [] : [{ series: [stacked + 1, stacked], fill: chart.series[stacked].colour + '99' }],
      series: [{}].concat(chart.series.map(({ name, colour, look }) => ({
        label: name,
        stroke: colour,
        width: look === 'area' || look === 'stacked' ? 1 : 2,
        fill: look === 'area' ? colour + '99' : undefined,
        points: { show: look.startsWith('dot'), size: chart.x.floor ? 9 : 6, fill: chart.x.floor ? colour : '#fff' },
        spanGaps: true,
        paths: look === 'ticks' || look === 'dots' ? nothing : chart.x.floor ? uPlot.paths.stepped({ align: 1 }) : undefined,
      }))),
    }, [chart.x.values].concat(heights(chart)), holder);
    (plot.hooks.setCursor ??= []).push(tooltip(holder, chart));
    plot.over.addEventListener('dblclick', () => { plot.zoomed = false; });
    const resize = () => plot.setSize({ width: width(), height: height() });
    new ResizeObserver(resize).observe(holder);
    addEventListener('beforeprint', () => plot.setSize({ width: Math.min(PAPER, width()), height: 280 }));
    addEventListener('afterprint', resize);
  }

  function heat(holder, chart) {
    const grid = element('div', holder, undefined, 'heat');
    grid.style.gridTemplateColumns = `max-content repeat(${chart.columns.length}, minmax(0, 1fr))`;
    for (let r = chart.rows.length - 1; r >= 0; r -= 1) {
      element('div', grid, chart.rows[r], 'label');
      chart.cells[r].forEach((cell, c) => {
        const share = cell.value === null ? '–' : percent(cell.value);
        const box = element('div', grid, cell.word?.text ?? share);
        const strength = cell.value === null ? 0 : Math.sqrt(cell.value);
        box.style.background = cell.word?.colour ?? `rgba(213, 94, 0, ${strength.toFixed(3)})`;
        if (cell.word ? !cell.word.dark : strength > 0.67) box.style.color = '#fff';
        // A heavy line where a cell meets the objectives and its neighbour does not.
        const right = chart.cells[r][c + 1];
        const above = chart.cells[r + 1]?.[c];
        if (right && right.meets !== cell.meets) box.classList.add('edge-right');
        if (above && above.meets !== cell.meets) box.classList.add('edge-above');
        const verdict = cell.meets ? 'meets the objectives' : 'misses the objectives';
        const throttled = cell.value === null ? 'nothing measured' : `${percent(cell.value)} throttled`;
        box.title = `${chart.x} ${chart.columns[c]}, ${chart.y} ${chart.rows[r]}: ${cell.word?.text ?? throttled}; ${verdict}`;
      });
    }
    element('div', grid, '', 'label');
    chart.columns.forEach((column) => element('div', grid, column, 'label column'));
    element('p', holder, `${chart.y} upwards, ${chart.x} to the right`, 'note');
  }

  data.charts.forEach((chart) => {
    const section = element('section', document.getElementById('charts'));
    element('h3', section, chart.title);
    if (chart.note) element('p', section, chart.note, 'note');
    const holder = element('div', section, undefined, 'chart');
    holder.dataset.chart = chart.id;
    if (chart.kind === 'heat') { heat(holder, chart); return; }
    lines(holder, chart);
    const key = element('ul', section, undefined, 'key');
    chart.series.forEach((series) => {
      const entry = element('li', key);
      element('i', entry).style.background = series.colour;
      entry.append(series.name);
    });
  });

  // Paper shows what a screen folds away.
  const folded = [...document.querySelectorAll('details')];
  let opened = [];
  addEventListener('beforeprint', () => {
    opened = folded.filter((each) => !each.open);
    opened.forEach((each) => { each.open = true; });
  });
  addEventListener('afterprint', () => opened.forEach((each) => { each.open = false; }));
})();
