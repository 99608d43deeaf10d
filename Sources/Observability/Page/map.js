// The picture of clusters and flows.
//
// Clusters stand in a row, or one below the other where it is narrow. Flows between neighbours are straight lines, each
// in a lane of its own; flows between others go round below (or beside) the clusters, each in a track of its own. So no
// line lies on another, and each has room for its label. Where a label has no room, a number stands for it.
const BOX = { width: 176, least: 104, height: 62 }, LANE = 56, TRACK = 52, NUMBERED = 26, MARGIN = 6;
const ink = document.createElement('canvas').getContext('2d');
function textWidth(text, size, weight) {
  ink.font = `${weight || 400} ${size}px ${getComputedStyle(document.body).fontFamily}`;
  return ink.measureText(text).width;
}
// The text within a width, its middle left out where it is longer.
function fitted(text, width, size, weight) {
  if (textWidth(text, size, weight) <= width) return text;
  for (let keep = text.length - 1; keep > 1; keep--) {
    const shorter = text.slice(0, Math.ceil(keep / 2)) + '…' + text.slice(text.length - Math.floor(keep / 2));
    if (textWidth(shorter, size, weight) <= width) return shorter;
  }
  return '…';
}
// The order in which most flows are between neighbours.
function inRow(names, flows) {
  const cost = order => flows.reduce((sum, f) => sum + Math.abs(order.indexOf(f.source) - order.indexOf(f.target)), 0);
  const best = { order: names, cost: cost(names) };
  const visit = (order, rest) => {
    if (!rest.length) { const c = cost(order); if (c < best.cost) Object.assign(best, { order, cost: c }); }
    rest.forEach((name, i) => visit([...order, name], rest.filter((_, j) => j !== i)));
  };
  if (names.length > 2 && names.length < 7) visit([], names);
  return best.order;
}
// Places of boxes, lines and labels, along the row (u) and across it (v).
function mapLayout(names, flows, width, tall) {
  const order = inRow(names, flows), at = name => order.indexOf(name), count = order.length;
  const gaps = order.slice(1).map(() => []), tracks = [];
  for (const flow of flows) {
    const from = at(flow.source), to = at(flow.target);
    if (from < 0 || to < 0 || from === to) continue;
    (Math.abs(from - to) === 1 ? gaps[Math.min(from, to)] : tracks).push(flow);
  }
  for (const gap of gaps) gap.sort((a, b) => at(a.source) - at(b.source));
  const span = f => Math.abs(at(f.source) - at(f.target));
  tracks.sort((a, b) => span(a) - span(b));
  // Short ones next to the boxes; those that have no box in common below them share a depth.
  const reach = f => [at(f.source), at(f.target)].sort((a, b) => a - b), depths = new Map();
  for (const flow of tracks) {
    const [low, high] = reach(flow);
    let depth = 0;
    while ([...depths].some(([other, d]) => d === depth && reach(other)[0] < high && low < reach(other)[1])) depth++;
    depths.set(flow, depth);
  }
  const deepest = Math.max(-1, ...depths.values());
  // Gaps in which nothing flows need less room.
  const weights = gaps.map(g => g.length ? 1 : .4), weight = weights.reduce((a, b) => a + b, 0);
  const room = width - 2 * MARGIN, laneRoom = box => (room - count * box) / (weight || 1);
  const numbered = tall || (count > 1 && laneRoom(BOX.least) < 96);
  const lane = numbered ? NUMBERED : LANE, track = numbered ? NUMBERED : TRACK;
  const most = Math.max(1, ...gaps.map(g => g.length));
  // Half of a box along the row, and across it.
  const along = tall ? BOX.height / 2
    : Math.min(BOX.width, Math.max(numbered ? 60 : BOX.least, room / (2 * count - 1))) / 2;
  const across = tall ? Math.min(room - (tracks.length ? 16 + (deepest + 1) * track : 0), 240) / 2
    : Math.max(BOX.height, most * lane + 12) / 2;
  const widths = weights.map(w => tall ? (w < 1 ? 22 : 58) : w * laneRoom(2 * along));
  const starts = order.map((_, i) => MARGIN + along + 2 * along * i + widths.slice(0, i).reduce((a, b) => a + b, 0));
  const middle = tall && !tracks.length ? width / 2 : MARGIN + across;
  const boxes = order.map((name, i) => ({ name, u: count === 1 && !tall ? width / 2 : starts[i], v: middle }));
  const lines = [];
  gaps.forEach((gap, i) => gap.forEach((flow, j) => {
    const v = middle + (j - (gap.length - 1) / 2) * Math.min(lane, (2 * across - 8) / gap.length);
    const ends = [boxes[i].u + along, boxes[i + 1].u - along];
    const [start, end] = at(flow.source) === i ? ends : [ends[1], ends[0]];
    lines.push({ flow, points: [[start, v], [end, v]], label: { u: (start + end) / 2, v, room: Math.abs(end - start) - 26 } });
  }));
  // Legs of tracks leave a box side by side: those to the left from its left half, and so that they do not cross.
  const legs = order.map(() => []);
  for (const [flow, depth] of depths) {
    const [low, high] = reach(flow);
    legs[low].push({ flow, rank: 1e6 - depth });
    legs[high].push({ flow, rank: depth });
  }
  const legAt = (index, flow) => {
    const all = [...legs[index]].sort((a, b) => a.rank - b.rank), place = all.findIndex(l => l.flow === flow);
    return boxes[index].u - along + 2 * along * (place + 1) / (all.length + 1);
  };
  const legsOf = [...depths].map(([flow, depth]) => ({ flow, depth, u: [legAt(at(flow.source), flow), legAt(at(flow.target), flow)],
    v: middle + across + (numbered ? 22 : 34) + depth * track }));
  for (const { flow, depth, u, v } of legsOf) {
    const [low, high] = [...u].sort((a, b) => a - b);
    // Between the legs of deeper tracks, which cross this one.
    const cuts = [low, ...legsOf.filter(l => l.depth > depth).flatMap(l => l.u).filter(x => x > low && x < high).sort((a, b) => a - b), high];
    const free = cuts.slice(1).map((x, i) => [cuts[i], x]).sort((a, b) => (b[1] - b[0]) - (a[1] - a[0]))[0];
    lines.push({ flow, points: [[u[0], middle + across], [u[0], v], [u[1], v], [u[1], middle + across]],
      label: { u: (free[0] + free[1]) / 2, v, room: free[1] - free[0] - 26 } });
  }
  const breadth = middle + across + (tracks.length ? (numbered ? 22 : 34) + deepest * track + 26 : 0) + MARGIN;
  return { boxes, lines, along, across, numbered, length: tall ? (starts.at(-1) ?? 0) + along + MARGIN : width, breadth };
}
// A line with round corners.
function linePath(points, place) {
  const p = points.map(([u, v]) => place(u, v)), number = n => n.toFixed(1);
  let d = `M${number(p[0][0])} ${number(p[0][1])}`;
  for (let i = 1; i < p.length - 1; i++) {
    const toward = (a, b) => {
      const length = Math.hypot(b[0] - a[0], b[1] - a[1]), r = Math.min(10, length / 2);
      return length ? [a[0] + (b[0] - a[0]) * r / length, a[1] + (b[1] - a[1]) * r / length] : a;
    };
    const before = toward(p[i], p[i - 1]), after = toward(p[i], p[i + 1]);
    d += `L${before.map(number).join(' ')}Q${p[i].map(number).join(' ')} ${after.map(number).join(' ')}`;
  }
  return d + `L${p.at(-1).map(number).join(' ')}`;
}
function drawMap(status) {
  const box = $('map'), width = Math.max(280, box.clientWidth), names = status.clusters.map(c => c.name);
  const between = width - 2 * (BOX.least + MARGIN) - 26;
  const tall = width < 560 && (names.length > 2 || status.flows.some(f => textWidth(f.name, 14, 650) > between));
  const map = mapLayout(names, status.flows, width, tall);
  const place = tall ? (u, v) => [v, u] : (u, v) => [u, v];
  const height = Math.ceil(tall ? map.length : map.breadth);
  const svg = s('svg', { viewBox: `0 0 ${width} ${height}`, height, role: 'img',
    'aria-label': 'Clusters, and the flows between them' });
  const markers = [], edges = [], labels = [], legend = [];
  map.lines.forEach(({ flow, points, label }, i) => {
    const mood = tone[flow.condition] ?? 'warn', isBad = mood === 'bad', isIdle = mood !== 'good' && !isBad;
    const color = isBad ? 'var(--red)' : isIdle ? 'var(--amber)' : 'var(--blue)';
    const thick = 2 + Math.min(5, Math.log10(1 + flow.bytesPerSecond / 1000) * 1.2), d = linePath(points, place);
    const instances = flow.instances || [], silent = instances.filter(x => x.reason).length;
    const who = instances.length < 2 ? '' : instances.map(x => `\n${x.instance}: ${x.reason ? 'silent, ' + x.reason : `${count(x.partitions)} partitions`}`).join('');
    const about = `${flow.name}: ${flow.source} → ${flow.target}, ${flow.condition}${who}`;
    const by = instances.length < 2 ? '' : ` · ${instances.length} instances${silent ? `, ${silent} silent` : ''}`;
    markers.push(s('marker', { id: 'arrow' + i, viewBox: '0 0 8 8', refX: 8, refY: 4, markerWidth: 13, markerHeight: 13,
      markerUnits: 'userSpaceOnUse', orient: 'auto' }, s('path', { d: 'M0 0L8 4L0 8Z', fill: color })));
    edges.push(s('path', { class: 'edge', d, 'stroke-width': thick + 3 }),
      s('path', { class: `stream ${flow.bytesPerSecond > 0 ? 'moving' : ''} ${isBad ? 'bad' : isIdle ? 'warn' : ''}`, d,
        'stroke-width': thick, 'marker-end': `url(#arrow${i})`, 'data-line': flow.name }, s('title', null, about)));
    const [x, y] = place(label.u, label.v), figures = `${rate(flow.bytesPerSecond)} · lag ${behind(flow.lag)}`, more = figures + by;
    if (map.numbered) {
      labels.push(s('g', { class: 'badge', 'data-label': flow.name }, s('title', null, about), s('circle', { cx: x, cy: y, r: 9, fill: color }),
        s('text', { x, y: y + 4, 'text-anchor': 'middle' }, String(i + 1))));
      legend.push(h('li', { class: mood }, h('b', null, flow.name), ` ${flow.source} → ${flow.target}, ${more}`));
    } else {
      labels.push(s('text', { class: 'halo name', x, y: y - 8, 'text-anchor': 'middle', 'data-label': flow.name },
        s('title', null, about), fitted(flow.name, label.room, 14, 650)),
      s('text', { class: 'halo sub', x, y: y + 18, 'text-anchor': 'middle', 'data-label': flow.name },
        [more, figures].find(t => textWidth(t, 11.5) <= label.room) ?? rate(flow.bytesPerSecond)));
    }
  });
  const nodes = map.boxes.map(({ name, u, v }) => {
    const cluster = status.clusters.find(c => c.name === name), down = cluster.isUp === false;
    const [x, y] = place(u, v), [w, t] = tall ? [2 * map.across, 2 * map.along] : [2 * map.along, 2 * map.across];
    const left = x - w / 2, room = w - 42;
    const sub = down ? 'cannot be reached' : cluster.brokers ? `${cluster.brokers} broker${cluster.brokers > 1 ? 's' : ''}` : 'looking';
    const throttled = cluster.throttleSeconds > 0 ? `${sub} · throttled ${seconds(cluster.throttleSeconds)}` : sub;
    return s('g', null, s('title', null, cluster.error || `cluster id ${cluster.clusterID ?? 'unknown'}`),
      s('rect', { class: 'node' + (down ? ' down' : ''), x: left, y: y - t / 2, width: w, height: t, rx: 12, 'data-cluster': name }),
      s('circle', { cx: left + 17, cy: y - 8, r: 4.5, fill: down ? 'var(--red)' : cluster.isUp ? 'var(--green)' : 'var(--faint)' }),
      s('text', { class: 'name', x: left + 30, y: y - 3 }, fitted(name, room, 14, 650)),
      s('text', { class: 'sub', x: left + 30, y: y + 16 }, [throttled, sub, down ? 'down' : ''].find(t => textWidth(t, 11.5) <= room) ?? ''));
  });
  svg.append(s('defs', null, markers), ...edges, ...labels, ...nodes);
  box.replaceChildren(svg, ...(legend.length ? [h('ol', { class: 'legend' }, legend)] : []));
}
