// Events.
let lastEvent = 0;
function addEvents(events) {
  const list = $('events');
  for (const event of events) {
    lastEvent = event.id;
    const about = Object.entries(event.about).map(([key, text]) => `${key} ${text}`).join(' · ');
    list.prepend(h('li', { class: event.level }, h('time', { title: new Date(event.time).toString() }, clock(event.time)),
      h('b', null, event.message), about ? h('span', { class: 'about' }, about) : null));
  }
  while (list.children.length > 200) list.lastChild.remove();
}

// Staying live.
async function get(path) {
  const answer = await fetch(path, { cache: 'no-store' });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  allow(answer.headers.get('replicator-access'));
  return answer.json();
}
function list(section, items) {
  section.hidden = !items.length;
  const shown = items.slice(0, 40);
  if (items.length > shown.length) shown.push(`and ${items.length - shown.length} more`);
  section.querySelector('ul').replaceChildren(...shown.map(text => h('li', null, text)));
}
// Flows in trouble first, and then what has happened: it tells why.
function arrange(status) {
  const place = flow => { const found = CONDITIONS.indexOf(flow.condition); return found < 0 ? 0 : found; };
  const cards = [...status.flows].sort((a, b) => place(a) - place(b)).map(flow => {
    if (!views.has(flow.name)) views.set(flow.name, flowView(flow));
    return views.get(flow.name).card;
  });
  const box = $('flows'), now = [...box.children];
  if (cards.length !== now.length || cards.some((card, i) => card !== now[i])) box.replaceChildren(...cards);
  const happened = $('happened'), isFirst = happened.nextElementSibling === box;
  if (isFirst === status.isReady) status.isReady ? box.after(happened) : box.before(happened);
  happened.classList.toggle('urgent', !status.isReady);
}
let startedAt = null, latest = null;
async function refresh() {
  const status = await get('/api/status?partitions=problems');
  // Another process answers now: its events are numbered from the start.
  if (startedAt !== null && startedAt !== status.startedAt) { lastEvent = 0; $('events').replaceChildren(); }
  startedAt = status.startedAt;
  latest = status;
  const ready = $('ready');
  ready.className = 'chip ' + (status.isReady ? 'good' : 'bad');
  put(ready, status.isReady ? 'ready' : 'not ready');
  put($('about'), `up for ${seconds((status.time - status.startedAt) / 1000)}`);
  put($('version'), `version ${status.version}`);
  list($('obstacles'), status.obstacles);
  list($('reload'), status.lastReload && !status.lastReload.isApplied ? status.lastReload.messages : []);
  for (const name of views.keys()) if (!status.flows.some(flow => flow.name === name)) views.delete(name);
  arrange(status);
  for (const flow of status.flows) drawFlow(views.get(flow.name), flow);
  drawMap(status);
  if (openTopic && topicDetail) {
    const { flow, topic } = openTopic, detail = topicDetail;
    const query = new URLSearchParams({ flow, topic });
    const [full, past] = await Promise.all([get(`/api/status?topic=${encodeURIComponent(topic)}`), get(`/api/history?${query}`)]);
    const found = full.flows.find(f => f.name === flow), summary = found?.topics.find(t => t.topic === topic);
    if (summary) detail.update(summary, found.partitions, found.paused);
    const samples = past.series[0]?.samples || [], now = Date.now();
    for (const kind of Object.keys(KINDS)) drawPlot(detail.tiles[kind].plot, samples, kind, now, spanOf(samples, now));
  }
  addEvents((await get(`/api/events?after=${lastEvent}`)).events);
}
async function refreshHistory() {
  history = await get('/api/history?points=360');
  drawHistory();
  for (const view of views.values()) {
    const topics = await get(`/api/history?topics=all&points=48&flow=${encodeURIComponent(view.name)}`);
    view.sparks = new Map(topics.series.map(x => [x.topic, x.samples]));
  }
}
async function live() {
  for (let round = 0; ; round++) {
    try {
      if (!document.hidden) {
        await refresh();
        if (round % 2 === 0) await refreshHistory();
        $('live').className = 'live push';
        put($('live').lastChild, `live, ${clock(Date.now())}`);
      }
    } catch (error) {
      $('live').className = 'live push lost';
      put($('live').lastChild, 'connection lost, trying again');
    }
    await new Promise(resume => setTimeout(resume, 2000));
  }
}
addEventListener('resize', () => { if (latest) { drawMap(latest); drawHistory(); } });
live();
