extension StatusPage {
    /// What the page holds before the first answer.
    static let markup = #"""
        <header>
        <h1><svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"
        stroke-linejoin="round"><circle cx="5" cy="12" r="3"/><circle cx="19" cy="12" r="3"/><path d="M8 10c3-4 5-4 8 0"/><path
        d="m16 6v4h-4"/></svg>replicator</h1>
        <span class="chip" id="ready">…</span>
        <span class="dim small" id="about"></span>
        <span class="live push" id="live"><i></i><span>connecting</span></span>
        </header>
        <main>
        <section class="card banner" id="obstacles" hidden><h2>Not ready</h2><ul></ul></section>
        <section class="card banner warn" id="reload" hidden><h2>The last reload was refused</h2><ul></ul></section>
        <section class="card map"><div id="map"></div></section>
        <div id="flows"></div>
        <section class="card"><div class="head"><h2>Events</h2><span class="dim small">newest first</span></div>
        <ul class="events" id="events"></ul></section>
        <footer><a href="/api/status">status as JSON</a><a href="/metrics">metrics</a><a href="/readyz">readiness</a><span
        class="push" id="version"></span></footer>
        </main>
        <noscript>This page draws what /api/status tells, and needs JavaScript for it.</noscript>
        """#
}
