// The picture of clusters and flows.
function drawMap(status) {
  const box = $('map'), width = Math.max(300, box.clientWidth), names = status.clusters.map(c => c.name);
  const phone = width < 560, nodeWidth = phone ? 104 : 176, nodeHeight = 62;
  const pairs = {};
  status.flows.forEach(f => (pairs[[f.source, f.target].sort().join('\n')] ??= []).push(f));
  const most = Math.max(1, ...Object.values(pairs).map(p => p.length));
  const height = names.length <= 2 ? Math.max(112, 60 + most * 50) : phone ? 360 : 340;
  const place = {};
  names.forEach((name, i) => {
    if (names.length <= 2) {
      place[name] = { x: names.length === 1 ? width / 2 : i ? width - nodeWidth / 2 - 4 : nodeWidth / 2 + 4, y: height / 2 };
    } else {
      const angle = 2 * Math.PI * i / names.length - Math.PI * (names.length % 2 ? .5 : .75);
      place[name] = { x: width / 2 + (width / 2 - nodeWidth / 2 - 8) * Math.cos(angle) * (phone ? 1 : .8),
        y: height / 2 + (height / 2 - nodeHeight / 2 - 8) * Math.sin(angle) };
    }
  });
  const svg = s('svg', { viewBox: `0 0 ${width} ${height}`, height, role: 'img',
    'aria-label': 'Clusters, and the flows between them' });
  const edges = [], labels = [], nodes = [];
  for (const flows of Object.values(pairs)) {
    flows.forEach((flow, i) => {
      const a = place[flow.source], b = place[flow.target];
      if (!a || !b) return;
      const dx = b.x - a.x, dy = b.y - a.y, length = Math.hypot(dx, dy) || 1, ux = dx / length, uy = dy / length;
      const forward = flow.source < flow.target ? 1 : -1;
      const lane = (i - (flows.length - 1) / 2) * forward, bow = lane * 60;
      const reach = Math.min(nodeWidth / 2 / Math.max(.001, Math.abs(ux)), nodeHeight / 2 / Math.max(.001, Math.abs(uy))) + 7;
      const shift = lane * 16, nx = -uy, ny = ux;
      const x1 = a.x + ux * reach + nx * shift, y1 = a.y + uy * reach + ny * shift;
      const x2 = b.x - ux * reach + nx * shift, y2 = b.y - uy * reach + ny * shift;
      const cx = (x1 + x2) / 2 + nx * bow, cy = (y1 + y2) / 2 + ny * bow;
      const d = `M${x1.toFixed(1)} ${y1.toFixed(1)}Q${cx.toFixed(1)} ${cy.toFixed(1)} ${x2.toFixed(1)} ${y2.toFixed(1)}`;
      const bad = ['stopped', 'waiting', 'stuck', 'source down', 'target down'].includes(stateOf(flow)) || flow.partitions.length > 0;
      const idle = flow.paused.length || flow.state !== 'running';
      const thick = 2 + Math.min(6, Math.log10(1 + flow.bytesPerSecond / 1000) * 1.2);
      const color = bad ? 'var(--red)' : idle ? 'var(--amber)' : 'var(--blue)';
      const id = 'arrow' + edges.length;
      edges.push(s('marker', { id, viewBox: '0 0 8 8', refX: 6, refY: 4, markerWidth: 13, markerHeight: 13,
        markerUnits: 'userSpaceOnUse', orient: 'auto' }, s('path', { d: 'M0 0L8 4L0 8Z', fill: color })),
        s('path', { class: 'edge', d, 'stroke-width': thick + 3 }),
        s('path', { class: `stream ${flow.bytesPerSecond > 0 ? 'moving' : ''} ${bad ? 'bad' : idle ? 'warn' : ''}`, d,
          'stroke-width': thick, 'marker-end': `url(#${id})` }));
      const mx = (x1 + 2 * cx + x2) / 4, my = (y1 + 2 * cy + y2) / 4, side = ny * lane + nx * lane * 1e-3;
      // Outside of a pair of curves, around a single one.
      const [first, second] = side < 0 ? [-27, -11] : side > 0 ? [22, 38] : [-12, 22];
      labels.push(s('text', { class: 'halo name', x: mx, y: my + first, 'text-anchor': 'middle' }, flow.name),
        s('text', { class: 'halo sub', x: mx, y: my + second, 'text-anchor': 'middle' },
          phone ? rate(flow.bytesPerSecond) : `${rate(flow.bytesPerSecond)} · lag ${behind(flow.lag)}`));
    });
  }
  for (const cluster of status.clusters) {
    const { x, y } = place[cluster.name], left = x - nodeWidth / 2, down = cluster.isUp === false;
    const sub = down ? 'cannot be reached' : cluster.brokers ? `${cluster.brokers} broker${cluster.brokers > 1 ? 's' : ''}` : 'looking';
    nodes.push(s('g', null, s('title', null, cluster.error || `cluster id ${cluster.clusterID ?? 'unknown'}`),
      s('rect', { class: 'node' + (down ? ' down' : ''), x: left, y: y - nodeHeight / 2, width: nodeWidth, height: nodeHeight, rx: 12 }),
      s('circle', { cx: left + 17, cy: y - 8, r: 4.5, fill: down ? 'var(--red)' : cluster.isUp ? 'var(--green)' : 'var(--faint)' }),
      s('text', { class: 'name', x: left + 30, y: y - 3 }, cluster.name),
      s('text', { class: 'sub', x: left + 30, y: y + 16 }, phone && down ? 'down' : sub
        + (cluster.throttleSeconds > 0 && !phone ? ` · throttled ${seconds(cluster.throttleSeconds)}` : ''))));
  }
  svg.append(s('defs', null, edges.filter(e => e.tagName === 'marker')), ...edges.filter(e => e.tagName !== 'marker'), ...labels, ...nodes);
  box.replaceChildren(svg);
}
