'use strict';
const $ = id => document.getElementById(id);
const NS = 'http://www.w3.org/2000/svg';
function make(space, tag, attributes, children) {
  const element = space ? document.createElementNS(NS, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat().filter(c => c !== null && c !== undefined));
  return element;
}
const h = (tag, attributes, ...children) => make(false, tag, attributes, children);
const s = (tag, attributes, ...children) => make(true, tag, attributes, children);
function put(element, text) { if (element.textContent !== text) element.textContent = text; }

// Numbers as people read them.
const count = n => n === null || n === undefined ? '–' : Math.round(n).toLocaleString('en').replaceAll(',', '\u202f');
// How far behind: a number that nobody knows is none.
const behind = lag => lag === null || lag === undefined ? '?' : count(lag);
function bytes(n) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (n >= 999.5 && unit < 4) { n /= 1000; unit++; }
  return (unit === 0 || n >= 99.95 ? Math.round(n) : n.toFixed(1)) + '\u202f' + units[unit];
}
function seconds(n) {
  if (n === null || n === undefined) return '–';
  if (n < 0.9995) return (n < 0.00995 ? (n * 1000).toFixed(1) : Math.round(n * 1000)) + '\u202fms';
  if (n < 120) return (n < 9.95 ? n.toFixed(1) : Math.round(n)) + '\u202fs';
  return n < 7200 ? Math.round(n / 60) + '\u202fmin' : Math.round(n / 3600) + '\u202fh';
}
const clock = t => new Date(t).toLocaleTimeString('en-GB');
const rate = n => bytes(n) + '/s';

const tone = { running: 'good', active: 'good', synced: 'good', further: 'good', paused: '', 'partly paused': 'warn', activeMembers: '', refused: 'bad', beyondEnd: 'bad', beyondCopies: 'warn', notCovered: 'warn', held: 'warn', starting: 'warn', draining: 'warn',
  stopped: 'bad', failed: 'bad', stuck: 'bad', waiting: 'bad', 'source down': 'bad', 'target down': 'bad', 'partly failed': 'bad', 'partly stuck': 'bad', 'partly unknown': 'bad', 'topics wait': 'bad', silent: 'bad', copies: 'good' };
// Trouble first: the places of conditions of flows, and of states of topics.
const CONDITIONS = ['stopped', 'waiting', 'source down', 'target down', 'failed', 'stuck', 'partly failed', 'topics wait', 'partly stuck', 'partly unknown', 'starting', 'draining', 'resting', 'paused', 'partly paused', 'running'];
const STATES = ['failed', 'waiting', 'stuck'];
const isTrouble = flow => tone[flow.condition] === 'bad';
const chip = (state, title) => h('span', { class: 'chip ' + (tone[state] ?? 'warn'), title }, state);

// Plots.
const KINDS = {
  lag: { title: 'Message lag', color: 'var(--violet)', format: count },
  bytesPerSecond: { title: 'Throughput', color: 'var(--blue)', format: rate },
  latency: { title: 'Replication latency', color: 'var(--teal)', format: seconds },
};
// The whole hour once there is one; less while the process is young.
function spanOf(samples, now) {
  const age = samples.length ? now - samples[0].time : 0;
  return [300000, 900000, 1800000].find(span => age <= span) || history.span;
}
function niceTop(value, kind) {
  if (!(value > 0)) return kind === 'latency' ? 0.01 : 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10, 20].map(f => f * power).find(top => top >= value * 1.05);
}
function drawPlot(box, samples, kind, now, span) {
  const { color, format } = KINDS[kind];
  const width = box.clientWidth || 300, height = box.clientHeight || 84, base = height - 14, head = 4;
  const points = samples.filter(p => p[kind] !== null && p[kind] !== undefined);
  const top = niceTop(Math.max(0, ...points.map(p => p[kind])), kind);
  const x = t => width * (1 - (now - t) / span), y = v => base - (base - head) * Math.min(1, v / top);
  // A hole of more than some samples is a hole, not a line.
  let line = '', area = '', last = null, start = 0;
  for (const p of points) {
    const px = x(p.time).toFixed(1), py = y(p[kind]).toFixed(1);
    if (last === null || p.time - last > 30000) {
      if (area) area += `L${x(last).toFixed(1)} ${base}Z`;
      line += `M${px} ${py}`; area += `M${px} ${base}L${px} ${py}`;
    } else { line += `L${px} ${py}`; area += `L${px} ${py}`; }
    last = p.time;
  }
  if (area) area += `L${x(last).toFixed(1)} ${base}Z`;
  const minutes = Math.round(span / 60000);
  const svg = s('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': KINDS[kind].title },
    s('line', { class: 'grid', x1: 0, x2: width, y1: base, y2: base }),
    s('line', { class: 'grid', x1: 0, x2: width, y1: head, y2: head, 'stroke-dasharray': '2 4' }),
    s('text', { x: 2, y: head + 10 }, format(top)),
    s('text', { x: 2, y: height - 2 }, `${minutes} min ago`),
    s('text', { x: width - 2, y: height - 2, 'text-anchor': 'end' }, 'now'),
    s('path', { class: 'area', d: area, fill: color }), s('path', { class: 'line', d: line, stroke: color }));
  const old = box.querySelector('svg');
  if (old) old.replaceWith(svg); else box.append(svg);
  box.onpointermove = event => {
    if (!points.length) return;
    const at = event.clientX - box.getBoundingClientRect().left;
    const near = points.reduce((a, b) => Math.abs(x(b.time) - at) < Math.abs(x(a.time) - at) ? b : a);
    let tip = box.querySelector('.tip') || box.appendChild(h('span', { class: 'tip' }));
    put(tip, `${format(near[kind])} at ${clock(near.time)}`);
    tip.style.left = Math.max(60, Math.min(width - 60, x(near.time))) + 'px';
    svg.querySelector('.cursor')?.remove();
    svg.append(s('line', { class: 'cursor', x1: x(near.time), x2: x(near.time), y1: head, y2: base }));
  };
  box.onpointerleave = () => { box.querySelector('.tip')?.remove(); svg.querySelector('.cursor')?.remove(); };
}
function spark(samples) {
  const values = samples.map(p => p.bytesPerSecond), top = Math.max(1, ...values);
  const step = 96 / Math.max(1, values.length - 1);
  const d = values.map((v, i) => (i ? 'L' : 'M') + (i * step).toFixed(1) + ' ' + (20 - 18 * v / top).toFixed(1)).join('');
  return s('svg', { class: 'spark', viewBox: '0 0 96 22', 'aria-hidden': 'true' }, s('path', { d }));
}
function plots() {
  const tiles = {}, row = h('div', { class: 'tiles' });
  for (const kind of Object.keys(KINDS)) {
    const tile = { value: h('b', null, '–'), extra: h('div', { class: 'extra' }), plot: h('div', { class: 'plot' }) };
    row.append(h('div', { class: 'tile' }, h('h3', null, KINDS[kind].title), tile.value, tile.extra, tile.plot));
    tiles[kind] = tile;
  }
  return { row, tiles };
}
