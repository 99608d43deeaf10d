// Flows.
const views = new Map();
let history = { span: 3600000, series: [] }, openTopic = null, topicDetail = null;

// What the person may do: act, read, or sign-in for those who may act once the browser has asked who they are.
let access = 'act';
function allow(found) {
  access = found || 'act';
  put($('access'), { read: 'read only', 'sign-in': 'sign in to pause and resume' }[access] || '');
}
function permit(button) {
  button.disabled = access === 'read';
  button.title = button.disabled ? 'you may read, but not pause or resume' : '';
  return button;
}
async function control(flow, action, topic, partition) {
  const query = new URLSearchParams();
  if (topic !== undefined) query.set('topic', topic);
  if (partition !== undefined) query.set('partition', partition);
  const answer = await fetch(`/api/flows/${encodeURIComponent(flow)}/${action}?${query}`, { method: 'POST' });
  if (!answer.ok) alert(await answer.text());
  await refresh();
}
function column(view, key, title, numeric, wide) {
  const sort = () => {
    view.sort = { key, down: view.sort.key === key ? !view.sort.down : numeric };
    drawTopics(view);
  };
  const mark = h('i', { 'aria-hidden': 'true' });
  const head = h('th', { class: 'sortable ' + (numeric ? 'num ' : '') + (wide ? 'wide' : ''), 'data-key': key },
    h('button', { onclick: sort, title: `sort by ${title}` }, title, mark));
  // An arrow for the order that holds; where one can be had, a pale one.
  view.heads.push(() => {
    const isSorted = view.sort.key === key;
    put(mark, isSorted ? (view.sort.down ? '↓' : '↑') : '↕');
    head.setAttribute('aria-sort', isSorted ? (view.sort.down ? 'descending' : 'ascending') : 'none');
  });
  return head;
}
function flowView(flow) {
  const view = { name: flow.name, rows: new Map(), heads: [], sort: { key: 'state', down: false }, filter: '', limit: 50 };
  const { row, tiles } = plots();
  Object.assign(view, { tiles, state: h('span', null), route: h('span', { class: 'dim' }), note: h('div', { class: 'dim small' }),
    toggle: h('button', { class: 'toggle' }), retry: h('button', { class: 'retry', hidden: true }, 'Retry stopped partitions'), body: h('tbody'), more: h('button', { hidden: true }), groups: h('div'), instances: h('div') });
  view.toggle.onclick = () => {
    const paused = view.flow.paused.includes('the flow');
    if (paused || confirm(`Pause the whole flow ${view.name}? Its target falls behind until it is resumed.`)) control(view.name, paused ? 'resume' : 'pause');
  };
  view.retry.onclick = () => control(view.name, 'retry');
  view.more.onclick = () => { view.limit += 200; drawTopics(view); };
  const filter = h('input', { type: 'search', placeholder: 'filter topics', 'aria-label': 'filter topics',
    oninput: event => { view.filter = event.target.value; drawTopics(view); } });
  view.counts = h('span', { class: 'dim small' });
  view.card = h('section', { class: 'card flow', 'data-flow': flow.name },
    h('div', { class: 'head' }, h('h2', null, flow.name), view.state, view.route, h('span', { class: 'push' }, view.retry, ' ', view.toggle)), row, view.note,
    h('div', { class: 'head', style: 'margin:14px 0 4px' }, h('h2', null, 'Topics'), view.counts, h('span', { class: 'push' }, filter)),
    h('div', { class: 'scroll' }, h('table', null, h('thead', null, h('tr', null,
      column(view, 'topic', 'topic'), column(view, 'state', 'state'), column(view, 'partitions', 'partitions', true, true),
      column(view, 'lag', 'lag', true), column(view, 'recordsPerSecond', 'records/s', true, true),
      column(view, 'bytesPerSecond', 'bytes/s', true), column(view, 'latencyMaximum', 'latency', true, true),
      h('th', { class: 'num wide' }, 'last hour'))), view.body)), view.more, view.instances, view.groups);
  return view;
}
function lagNote(flow) {
  if (flow.lag === null || flow.lag === undefined) {
    const unknown = flow.lagUnknownPartitions;
    return unknown ? `unknown of ${count(unknown)} partition${unknown > 1 ? 's' : ''}; the others: ${count(flow.knownLag ?? 0)}` : 'not known';
  }
  if (flow.lag) return flow.lag === 1 ? 'record behind' : 'records behind';
  // Known, and known now.
  return flow.condition === 'running' && !(flow.sampleAge > 5) ? 'in step' : `nothing new, ${flow.condition}`;
}
function drawFlow(view, flow) {
  view.flow = flow;
  const all = flow.paused.includes('the flow');
  view.state.replaceChildren(chip(flow.condition, flow.reason));
  put(view.route, `${flow.source} → ${flow.target}`);
  put(permit(view.toggle), all ? 'Resume' : 'Pause');
  permit(view.retry).hidden = !flow.counts.failed && !flow.counts.waitingTopics;
  put(view.tiles.lag.value, behind(flow.lag));
  put(view.tiles.lag.extra, lagNote(flow));
  put(view.tiles.bytesPerSecond.value, rate(flow.bytesPerSecond));
  put(view.tiles.bytesPerSecond.extra, `${count(flow.recordsPerSecond)} records/s`
    + (flow.bytesPerSecondLimit ? `, limited to ${rate(flow.bytesPerSecondLimit)}` : ''));
  put(view.tiles.latency.value, seconds(flow.latencyMaximum));
  put(view.tiles.latency.extra, flow.latencyMean === undefined ? (flow.lag === 0 && flow.condition === 'running' ? 'nothing to copy at the moment' : 'nothing copied at the moment') : `longest; mean ${seconds(flow.latencyMean)}`);
  const filling = flow.counts.filling;
  put(view.note, [filling ? `Copies are brought to the offsets of their sources: ${count(filling.done)} of ${count(filling.end)} offsets in ${count(filling.partitions)} partition${filling.partitions > 1 ? 's' : ''}` : '', flow.reason, flow.paused.length ? 'Paused: ' + some(flow.paused) : '',
    flow.sampleAge > 5 ? `Rates and lag are ${seconds(flow.sampleAge)} old` : ''].filter(x => x).join(' · '));
  drawTopics(view);
  drawInstances(view);
  drawGroups(view);
}
function drawHistory() {
  const now = Date.now();
  for (const view of views.values()) {
    const samples = history.series.find(x => x.flow === view.name && !x.topic)?.samples || [];
    for (const kind of Object.keys(KINDS)) drawPlot(view.tiles[kind].plot, samples, kind, now, spanOf(samples, now));
  }
}
function some(names) {
  return names.slice(0, 10).join(', ') + (names.length > 10 ? ` and ${count(names.length - 10)} more` : '');
}
// States by how bad they are: a lag that nobody knows comes right behind them.
function value(topic, key) {
  if (key !== 'state') return topic[key] ?? -1;
  const place = STATES.indexOf(topic.state);
  return place >= 0 ? place : topic.lag === null || topic.lag === undefined ? STATES.length : STATES.length + (topic.state === 'paused' ? 1 : 2);
}
function drawTopics(view) {
  const { key, down } = view.sort, wanted = view.filter.toLowerCase();
  const all = view.flow.topics.filter(t => t.topic.toLowerCase().includes(wanted));
  const compare = (a, b, key) => value(a, key) < value(b, key) ? -1 : value(a, key) > value(b, key) ? 1 : 0;
  const order = (a, b) => compare(a, b, key) * (down ? -1 : 1) || compare(a, b, 'topic');
  view.heads.forEach(draw => draw());
  const shown = [...all].sort(order).slice(0, view.limit);
  const listed = view.flow.topics.length, total = Math.max(listed, view.flow.counts.topics);
  put(view.counts, listed < total ? `${count(listed)} of ${count(total)}, those in trouble first` : count(total));
  view.more.hidden = all.length <= shown.length;
  put(view.more, `${count(all.length - shown.length)} more`);
  const wantedRows = [];
  for (const topic of shown) {
    const row = view.rows.get(topic.topic) || topicRow(view, topic);
    row.update(topic);
    wantedRows.push(row.element);
    const isOpen = openTopic?.flow === view.name && openTopic.topic === topic.topic;
    row.element.classList.toggle('open', isOpen);
    if (isOpen) { topicDetail ??= detailView(view.name, topic.topic); wantedRows.push(topicDetail.element); }
  }
  if (!shown.length) wantedRows.push(h('tr', null, h('td', { colspan: 8, class: 'dim' },
    view.flow.topics.length ? 'no topic matches' : view.flow.state === 'running' ? 'nothing to copy yet' : view.flow.condition)));
  const now = [...view.body.children];
  if (now.length !== wantedRows.length || now.some((row, i) => row !== wantedRows[i])) view.body.replaceChildren(...wantedRows);
}
function topicRow(view, topic) {
  const cells = {}, cell = (name, kind) => cells[name] = h('td', { class: kind || '' });
  const toggle = () => {
    const was = openTopic?.flow === view.name && openTopic.topic === topic.topic;
    openTopic = was ? null : { flow: view.name, topic: topic.topic };
    topicDetail = null;
    views.forEach(drawTopics);
    refresh();
  };
  const target = topic.targetTopic === topic.topic ? null
    : h('span', { class: 'dim small wide' }, h('span', { class: 'arrow' }, ' → '), topic.targetTopic);
  const element = h('tr', { class: 'row', tabindex: 0, 'data-topic': topic.topic, onclick: toggle,
    onkeydown: e => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); toggle(); } } },
    h('td', { class: 'topic' }, h('span', { class: 'caret' }, '›'), topic.topic, target), cell('state'), cell('partitions', 'num wide'),
    cell('lag', 'num'), cell('records', 'num wide'), cell('bytes', 'num'), cell('latency', 'num wide'), cell('spark', 'num wide'));
  let lastSpark = null, lastState = null;
  const row = { element, update(topic) {
    const shown = topic.state + (topic.reason ?? '');
    if (lastState !== shown) { lastState = shown; cells.state.replaceChildren(chip(topic.state, topic.reason)); }
    put(cells.partitions, count(topic.partitions));
    put(cells.lag, behind(topic.lag));
    put(cells.records, count(topic.recordsPerSecond));
    put(cells.bytes, bytes(topic.bytesPerSecond));
    put(cells.latency, seconds(topic.latencyMaximum));
    const series = view.sparks?.get(topic.topic);
    if (series && series !== lastSpark) { lastSpark = series; cells.spark.replaceChildren(spark(series)); }
  } };
  view.rows.set(topic.topic, row);
  return row;
}
function detailView(flow, topic) {
  const { row, tiles } = plots();
  const cells = h('div', { class: 'cells' }), body = h('tbody'), toggle = h('button', null, 'Pause topic');
  const element = h('tr', { class: 'detail' }, h('td', { colspan: 8 }, row, h('div', { class: 'head', style: 'margin:12px 0 8px' },
    h('h2', null, 'Partitions'), toggle), cells, h('div', { class: 'scroll' }, h('table', null, h('thead', null, h('tr', null,
    h('th', { class: 'num' }, '#'), h('th', null, 'state'), h('th', { class: 'num' }, 'source offset'),
    h('th', { class: 'num' }, 'source end'), h('th', { class: 'num' }, 'lag'), h('th', { class: 'num' }, 'target offset'),
    h('th', { class: 'num wide' }, 'brokers'), h('th', { class: 'wide' }, 'instance'), h('th', null, ''))), body))));
  toggle.onclick = () => control(flow, toggle.dataset.action, topic);
  return { element, tiles, update(summary, partitions, paused) {
    put(tiles.lag.value, behind(summary.lag)); put(tiles.bytesPerSecond.value, rate(summary.bytesPerSecond));
    put(tiles.latency.value, seconds(summary.latencyMaximum));
    put(tiles.bytesPerSecond.extra, `${count(summary.recordsPerSecond)} records/s`);
    const isPaused = paused.includes(`topic ${topic}`);
    toggle.dataset.action = isPaused ? 'resume' : 'pause';
    put(permit(toggle), isPaused ? 'Resume topic' : 'Pause topic');
    const state = p => p.stuckForSeconds !== undefined ? 'stuck' : p.state;
    cells.replaceChildren(...partitions.map(p => h('i', { class: 'cell ' + (state(p) === 'active' && p.lag ? 'lagging' : state(p)),
      title: `${topic}-${p.partition}: ${state(p)}, lag ${behind(p.lag)}` })));
    const waits = summary.reason ? [h('tr', null, h('td', { colspan: 9, class: 'reason' }, `waiting to be copied: ${summary.reason}`))] : [];
    body.replaceChildren(...waits, ...partitions.map(p => h('tr', { 'data-partition': p.partition },
      h('td', { class: 'num' }, String(p.partition)), h('td', null, chip(state(p))), h('td', { class: 'num' }, count(p.sourceOffset)),
      h('td', { class: 'num' }, p.sourceEnd < 0 ? '–' : count(p.sourceEnd)), h('td', { class: 'num', title: p.lagUnknown }, behind(p.lag)),
      h('td', { class: 'num' }, p.targetOffset < 0 ? '–' : count(p.targetOffset)),
      h('td', { class: 'num wide dim' }, `${p.sourceLeader ?? '–'} → ${p.targetLeader ?? '–'}`),
      h('td', { class: 'wide dim small' }, p.instance ?? ''),
      h('td', { class: p.reason || p.stuckForSeconds !== undefined ? 'reason' : 'num' },
        p.reason ?? (p.stuckForSeconds !== undefined ? `no progress for ${seconds(p.stuckForSeconds)}${p.obstacle ?? p.lagUnknown ? ': ' + (p.obstacle ?? p.lagUnknown) : ''}` :
          permit(h('button', { onclick: () => control(flow, p.state === 'paused' ? 'resume' : 'pause', topic, p.partition) },
            p.state === 'paused' ? 'Resume' : 'Pause')))))));
  } };
}
// Who copies how much. A lone instance is not worth a table.
function drawInstances(view) {
  const all = view.flow.instances || [];
  if (all.length < 2) { view.instances.replaceChildren(); return; }
  const shown = [...all].sort((a, b) => !a.reason - !b.reason).slice(0, 100), most = Math.max(1, ...all.map(x => x.partitions ?? 0));
  const rows = shown.map(x => h('tr', { 'data-instance': x.instance },
    h('td', { class: 'topic' }, x.instance, x.isSelf ? h('span', { class: 'dim small' }, ' answers here') : null),
    h('td', null, chip(x.reason ? 'silent' : 'copies', x.reason)),
    h('td', { class: 'num', title: x.partitions === undefined ? 'not known' : `${x.partitions} partitions` },
      h('i', { class: 'share', style: `width:${Math.round(60 * (x.partitions ?? 0) / most)}px` }), x.partitions === undefined ? '?' : count(x.partitions)),
    h('td', { class: 'small dim wide' }, (x.tasks ?? []).join(', ')),
    h('td', { class: 'small dim' }, `for ${seconds(Math.max(0, latest.time - x.since) / 1000)}`),
    h('td', { class: 'small dim wide' }, /^https?:\/\//.test(x.address ?? '') ? h('a', { href: x.address, rel: 'noreferrer' }, x.address) : ''),
    h('td', { class: 'small ' + (x.reason ? 'reason' : '') }, x.reason ?? '')));
  const titles = ['instance', 'state', 'partitions', 'tasks', 'since', 'address', ''];
  view.instances.replaceChildren(h('div', { class: 'head', style: 'margin:18px 0 4px' }, h('h2', null, 'Instances'),
    h('span', { class: 'dim small' }, shown.length < all.length ? `${shown.length} of ${count(all.length)}` : count(all.length))),
    h('div', { class: 'scroll' }, h('table', null, h('thead', null, h('tr', null, titles.map((title, i) =>
      h('th', { class: (i === 2 ? 'num' : '') + (i === 3 || i === 5 ? ' wide' : '') }, title)))), h('tbody', null, rows))));
}
function drawGroups(view) {
  const groups = view.flow.groups || [];
  if (!groups.length) { view.groups.replaceChildren(); return; }
  const shown = groups.slice(0, 100), columns = ['group', 'kind', 'state', 'partition', 'source offset', 'on the target', 'committed there', ''];
  const rows = shown.flatMap(g => (g.partitions.length ? g.partitions : [{}]).map((p, i) => h('tr', { 'data-group': g.group },
    h('td', { class: 'topic' }, i ? '' : g.group), h('td', null, i ? '' : g.kind ?? ''), h('td', null, chip(p.state ?? g.state, p.reason ?? g.reason)),
    h('td', null, p.topic === undefined ? '' : `${p.topic}-${p.partition}`), h('td', { class: 'num' }, count(p.sourceOffset)),
    h('td', { class: 'num' }, count(p.translatedOffset)), h('td', { class: 'num' }, count(p.targetOffset)),
    h('td', { class: 'small dim' }, p.reason ?? (i ? '' : g.reason ?? g.notCarried ?? '')))));
  view.groups.replaceChildren(h('div', { class: 'head', style: 'margin:18px 0 4px' }, h('h2', null, 'Consumer groups'),
    h('span', { class: 'dim small' }, shown.length < groups.length ? `${shown.length} of ${count(groups.length)}` : count(groups.length))),
    h('div', { class: 'scroll' }, h('table', null, h('thead', null, h('tr', null, columns.map((title, i) =>
      h('th', { class: i > 3 && i < 7 ? 'num' : '' }, title)))), h('tbody', null, rows))));
}
