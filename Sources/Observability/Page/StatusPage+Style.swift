extension StatusPage {
    /// How the page looks: light and dark, wide and narrow.
    static let style = #"""
        :root {
          color-scheme: light dark;
          --bg: #f4f5f7; --card: #ffffff; --line: #e2e5ea; --text: #1b2027; --dim: #667080; --faint: #98a1ae;
          --blue: #2563d9; --green: #12874e; --amber: #b26a00; --red: #c92a2a; --violet: #7a3fd1; --teal: #0b7f8c;
          --blue-soft: #e5edfb; --green-soft: #e0f3e8; --amber-soft: #fbeed8; --red-soft: #fbe3e3; --hover: #f7f8fa;
          --shadow: 0 1px 2px rgb(20 30 50 / 6%), 0 2px 10px rgb(20 30 50 / 4%);
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --bg: #0e1116; --card: #161b22; --line: #272e38; --text: #e4e8ee; --dim: #96a0af; --faint: #6a7483;
            --blue: #6aa1ff; --green: #4cc38a; --amber: #f0b454; --red: #ff7b78; --violet: #b58cff; --teal: #4ccbd8;
            --blue-soft: #182843; --green-soft: #12301f; --amber-soft: #35280f; --red-soft: #3b1a1c; --hover: #1b212a;
            --shadow: none;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--bg); color: var(--text);
          font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
        main { max-width: 1240px; margin: 0 auto; padding: 0 20px 48px; }
        header { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; max-width: 1240px; margin: 0 auto;
          padding: 18px 20px 14px; }
        h1 { font-size: 19px; margin: 0; letter-spacing: -.01em; display: flex; align-items: center; gap: 9px; }
        h1 svg { width: 24px; height: 24px; color: var(--blue); }
        h2 { font-size: 16px; margin: 0; letter-spacing: -.01em; }
        h3 { font-size: 12px; font-weight: 600; color: var(--dim); margin: 0; }
        .dim { color: var(--dim); } .small { font-size: 12px; }
        .push { margin-left: auto; }
        .num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        .chip { display: inline-flex; align-items: center; gap: 6px; padding: 2px 9px; border-radius: 99px; font-size: 12px;
          font-weight: 600; white-space: nowrap; background: var(--line); color: var(--dim); }
        .chip::before { content: ""; width: 7px; height: 7px; border-radius: 50%; background: currentColor; }
        .chip.good { background: var(--green-soft); color: var(--green); }
        .chip.warn { background: var(--amber-soft); color: var(--amber); }
        .chip.bad { background: var(--red-soft); color: var(--red); }
        .live { display: inline-flex; align-items: center; gap: 7px; font-size: 12px; color: var(--dim); }
        .live i { width: 8px; height: 8px; border-radius: 50%; background: var(--green); animation: pulse 2s infinite; }
        .live.lost i { background: var(--red); animation: none; }
        @keyframes pulse { 50% { opacity: .25; } }
        .card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow);
          padding: 16px 18px; margin-bottom: 16px; min-width: 0; }
        .banner { border-color: var(--red); background: var(--red-soft); }
        .banner ul { margin: 6px 0 0; padding-left: 20px; overflow-wrap: anywhere; }
        .banner.warn { border-color: var(--amber); background: var(--amber-soft); }
        .head { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin-bottom: 14px; }
        button { font: inherit; font-size: 12px; font-weight: 600; color: var(--text); background: var(--card); cursor: pointer;
          border: 1px solid var(--line); border-radius: 7px; padding: 4px 11px; }
        button:hover { background: var(--hover); border-color: var(--faint); }
        button:disabled { opacity: .5; cursor: default; }
        input { font: inherit; font-size: 13px; color: var(--text); background: var(--bg); border: 1px solid var(--line);
          border-radius: 7px; padding: 4px 10px; min-width: 0; width: 190px; }
        :focus-visible { outline: 2px solid var(--blue); outline-offset: 1px; }
        .map svg { display: block; width: 100%; }
        .map text { fill: var(--text); font-size: 13px; }
        .map .node { fill: var(--card); stroke: var(--line); stroke-width: 1.5; }
        .map .node.down { stroke: var(--red); }
        .map .sub { fill: var(--dim); font-size: 11.5px; }
        .map .name { font-weight: 650; font-size: 14px; }
        .map .halo { paint-order: stroke; stroke: var(--card); stroke-width: 5px; stroke-linejoin: round; }
        .map .edge { fill: none; stroke: var(--line); stroke-linecap: round; }
        .map .stream { fill: none; stroke: var(--blue); stroke-linecap: round; stroke-dasharray: 3 11; }
        .map .stream.moving { animation: stream 1s linear infinite; }
        .map .stream.warn { stroke: var(--amber); } .map .stream.bad { stroke: var(--red); }
        @keyframes stream { to { stroke-dashoffset: -14; } }
        @media (prefers-reduced-motion: reduce) { .map .stream.moving, .live i { animation: none; } }
        .tiles { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 14px; margin-bottom: 6px; }
        .tile { border: 1px solid var(--line); border-radius: 10px; padding: 11px 13px 6px; min-width: 0; position: relative; }
        .tile b { display: block; font-size: 22px; font-weight: 650; letter-spacing: -.02em; line-height: 1.25;
          font-variant-numeric: tabular-nums; }
        .tile .extra { font-size: 12px; color: var(--dim); min-height: 18px; overflow: hidden; text-overflow: ellipsis;
          white-space: nowrap; }
        .plot { height: 84px; margin: 4px -4px 0; position: relative; }
        .plot svg { width: 100%; height: 100%; display: block; overflow: visible; }
        .plot .area { opacity: .14; stroke: none; } .plot .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
        .plot .grid { stroke: var(--line); stroke-width: 1; } .plot text { font-size: 10px; fill: var(--faint); }
        .plot .cursor { stroke: var(--faint); stroke-width: 1; stroke-dasharray: 2 2; }
        .tip { position: absolute; pointer-events: none; background: var(--text); color: var(--card); border-radius: 6px;
          font-size: 11px; padding: 2px 7px; white-space: nowrap; top: -6px; transform: translateX(-50%); z-index: 2; }
        .scroll { overflow-x: auto; margin: 0 -18px; padding: 0 18px; }
        table { border-collapse: collapse; width: 100%; }
        th { text-align: left; font-size: 11.5px; font-weight: 600; color: var(--dim); padding: 7px 10px; white-space: nowrap;
          border-bottom: 1px solid var(--line); }
        th.num { text-align: right; }
        th button { all: unset; cursor: pointer; } th button:hover { color: var(--text); }
        td { padding: 8px 10px; border-bottom: 1px solid var(--line); vertical-align: middle; }
        tr:last-child > td { border-bottom: 0; }
        tr.row { cursor: pointer; } tr.row:hover > td { background: var(--hover); }
        td:first-child, th:first-child { padding-left: 4px; } td:last-child, th:last-child { padding-right: 4px; }
        .topic { font-weight: 600; overflow-wrap: anywhere; } .arrow { color: var(--faint); }
        .caret { display: inline-block; width: 12px; color: var(--faint); transition: transform .12s; }
        .open > td .caret { transform: rotate(90deg); }
        .spark { width: 96px; height: 22px; display: block; margin-left: auto; }
        .spark path { fill: none; stroke: var(--blue); stroke-width: 1.4; }
        .detail > td { background: var(--hover); padding: 12px 14px 16px; }
        .cells { display: flex; flex-wrap: wrap; gap: 4px; margin: 0 0 12px; }
        .cell { width: 15px; height: 15px; border-radius: 4px; background: var(--green); }
        .cell.lagging { background: var(--amber); } .cell.paused { background: var(--faint); }
        .cell.stuck, .cell.failed { background: var(--red); }
        .reason { color: var(--red); font-size: 12.5px; overflow-wrap: anywhere; white-space: normal; }
        .events { list-style: none; margin: 0; padding: 0; max-height: 420px; overflow: auto; }
        .events li { display: grid; grid-template-columns: 74px 1fr; gap: 2px 10px; padding: 6px 0;
          border-bottom: 1px solid var(--line); }
        .events li:last-child { border: 0; }
        .events time { color: var(--dim); font-variant-numeric: tabular-nums; font-size: 12.5px; }
        .events .warning b { color: var(--amber); } .events .error b { color: var(--red); } .events b { font-weight: 600; }
        .events .about { grid-column: 2; font-size: 12px; color: var(--dim); overflow-wrap: anywhere; }
        footer { color: var(--dim); font-size: 12px; display: flex; gap: 14px; flex-wrap: wrap; }
        footer a, a { color: var(--blue); text-decoration: none; } a:hover { text-decoration: underline; }
        @media (max-width: 720px) {
          main { padding: 0 12px 32px; } header { padding: 14px 12px 12px; }
          .card { padding: 13px 13px; border-radius: 10px; } .scroll { margin: 0 -13px; padding: 0 13px; }
          .tiles { grid-template-columns: minmax(0, 1fr); gap: 10px; } .plot { height: 64px; }
          .wide { display: none; } td, th { padding-left: 6px; padding-right: 6px; }
          .events li { grid-template-columns: 1fr; } .events .about { grid-column: 1; }
        }
        """#
}
