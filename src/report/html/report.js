// Draws the charts of a quotasim report from the data in the page. No request leaves it.
(() => {
  'use strict';
  const data = JSON.parse(document.getElementById('data').textContent);
  const PHONE = 480;

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
  const drawn = (chart) => (value) => (value === null ? null : chart.y.floor ? Math.max(value, FLOOR) : value);

  const axisValue = (chart) => (value) =>
    chart.x.categories ? (chart.x.categories[value] ?? '') : write[chart.x.format](value);

  function tooltip(holder, chart, plot) {
    const tip = element('div', holder, '', 'tip');
    tip.hidden = true;
    return (u) => {
      const { left, idx } = u.cursor;
      if (idx === null || idx === undefined || left < 0) { tip.hidden = true; return; }
      tip.replaceChildren();
      element('b', tip, axisValue(chart)(chart.x.values[idx]));
      chart.series.forEach((series) => {
        const value = series.values[idx];
        if (value === null) return;
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

  function decorate(chart) {
    const at = (u, axis, value) => u.valToPos(value, axis, true);
    return {
      // Intervals beneath the lines.
      drawAxes: [(u) => {
        const y = drawn(chart);
        u.ctx.save();
        u.ctx.beginPath();
        u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
        u.ctx.clip();
        chart.series.forEach((series) => {
          if (!series.low) return;
          const places = chart.x.values.map((_, i) => i).filter((i) => series.values[i] !== null && series.low[i] !== null);
          u.ctx.globalAlpha = 0.2;
          u.ctx.fillStyle = u.ctx.strokeStyle = series.colour;
          if (chart.x.categories) {
            u.ctx.globalAlpha = 0.6;
            u.ctx.lineWidth = 2 * devicePixelRatio;
            places.forEach((i) => {
              u.ctx.beginPath();
              u.ctx.moveTo(at(u, 'x', i), at(u, 'y', y(series.low[i])));
              u.ctx.lineTo(at(u, 'x', i), at(u, 'y', y(series.high[i])));
              u.ctx.stroke();
            });
            return;
          }
          u.ctx.beginPath();
          places.forEach((i, n) => u.ctx[n ? 'lineTo' : 'moveTo'](at(u, 'x', chart.x.values[i]), at(u, 'y', y(series.high[i]))));
          places.reverse().forEach((i) => u.ctx.lineTo(at(u, 'x', chart.x.values[i]), at(u, 'y', y(series.low[i]))));
          u.ctx.fill();
        });
        u.ctx.restore();
      }],
      draw: [(u) => {
        const { ctx, bbox } = u;
        ctx.save();
        ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
        ctx.textAlign = 'left';
        ctx.textBaseline = 'alphabetic';
        ctx.lineWidth = 1.5 * devicePixelRatio;
        (chart.rules || []).forEach((rule) => {
          const y = at(u, 'y', rule.value);
          if (y < bbox.top || y > bbox.top + bbox.height) return;
          ctx.strokeStyle = ctx.fillStyle = '#222';
          ctx.setLineDash([7 * devicePixelRatio, 5 * devicePixelRatio]);
          ctx.beginPath();
          ctx.moveTo(bbox.left, y);
          ctx.lineTo(bbox.left + bbox.width, y);
          ctx.stroke();
          ctx.fillText(rule.label, bbox.left + 6 * devicePixelRatio, y - 5 * devicePixelRatio);
        });
        ctx.setLineDash([]);
        (chart.marks || []).forEach((mark) => {
          const x = at(u, 'x', mark.x);
          const y = at(u, 'y', mark.y);
          if (x < bbox.left || x > bbox.left + bbox.width) return;
          ctx.strokeStyle = ctx.fillStyle = mark.colour;
          ctx.lineWidth = 2.5 * devicePixelRatio;
          ctx.beginPath();
          ctx.arc(x, y, 5 * devicePixelRatio, 0, 2 * Math.PI);
          ctx.stroke();
          ctx.fillText(mark.label, x + 8 * devicePixelRatio, y - 8 * devicePixelRatio);
        });
        ctx.restore();
      }],
    };
  }

  function lines(holder, chart) {
    const width = () => Math.max(260, holder.clientWidth);
    const height = () => (width() < PHONE ? 240 : 340);
    const hooks = decorate(chart);
    const categories = chart.x.categories;
    const count = chart.x.values.length;
    const y = write[chart.y.format];
    const options = {
      width: width(),
      height: height(),
      legend: { show: false },
      cursor: { y: false, drag: { x: !categories, y: false } },
      hooks,
      scales: {
        x: { time: false, range: categories ? [-0.4, count - 0.6] : undefined, distr: chart.x.log ? 3 : 1 },
        y: chart.y.floor
          ? { distr: 3, range: [FLOOR, 1] }
          : chart.y.log ? { distr: 3 } : { range: (u, low, high) => [0, (high || 1) * 1.08] },
      },
      axes: [
        {
          label: chart.x.label,
          labelSize: 22,
          grid: { stroke: '#eee' },
          splits: categories ? () => chart.x.values : undefined,
          values: (u, splits) => splits.map((value) => (value === null ? '' : axisValue(chart)(value))),
          rotate: categories && width() / count < 90 ? -35 : 0,
          size: categories && width() / count < 90 ? 70 : 36,
        },
        {
          size: 70,
          grid: { stroke: '#e6e6e6' },
          values: (u, splits) => splits.map((value) => (value === null ? '' : chart.y.floor && value <= FLOOR ? '0' : y(value))),
        },
      ],
      series: [{}].concat(chart.series.map((series) => ({
        label: series.name,
        stroke: series.colour,
        width: series.width ?? 2,
        dash: series.dash ? [6, 4] : undefined,
        fill: series.fill ? series.colour + '55' : undefined,
        points: { show: series.points ?? true, size: 6 },
        spanGaps: true,
        paths: categories && !series.joined ? () => null : undefined,
      }))),
    };
    const plot = new uPlot(options, [chart.x.values].concat(chart.series.map((series) => series.values.map(drawn(chart)))), holder);
    const move = tooltip(holder, chart, plot);
    (plot.hooks.setCursor ??= []).push(move);
    const resize = () => plot.setSize({ width: width(), height: height() });
    new ResizeObserver(resize).observe(holder);
    addEventListener('beforeprint', () => plot.setSize({ width: Math.min(660, width()), height: 280 }));
    addEventListener('afterprint', resize);
  }

  function heat(holder, chart) {
    const grid = element('div', holder, undefined, 'heat');
    grid.style.gridTemplateColumns = `max-content repeat(${chart.columns.length}, minmax(0, 1fr))`;
    chart.rows.slice().reverse().forEach((row, r) => {
      element('div', grid, row, 'label');
      chart.cells[chart.rows.length - 1 - r].forEach((cell, c) => {
        const box = element('div', grid, cell.value === null ? '–' : percent(cell.value));
        const strength = cell.value === null ? 0 : Math.sqrt(cell.value);
        box.style.background = `rgba(213, 94, 0, ${strength.toFixed(3)})`;
        if (strength > 0.67) box.style.color = '#fff';
        if (cell.meets) box.classList.add('met');
        box.title = `${chart.x} ${chart.columns[c]}, ${chart.y} ${row}: ${cell.value === null ? 'nothing measured' : percent(cell.value)} throttled`;
      });
    });
    element('div', grid, '', 'label');
    chart.columns.forEach((column) => element('div', grid, column, 'label column'));
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
})();
