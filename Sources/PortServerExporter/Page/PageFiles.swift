/// The style and the script of the page.
enum PageFiles {
  static let style = """
    :root {
      color-scheme: light dark;
      --paper: #fbfbfa; --card: #fff; --ink: #1d2327; --quiet: #5a646b;
      --line: #dfe3e5; --cell: #e6eaec; --accent: #1f6f8b; --soft: #1f6f8b22;
      --amber: #c98a1b; --alarm: #b3261e; --found: #c2410c; --focus: #0b57d0;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --paper: #14181b; --card: #1b2125; --ink: #e4e8ea; --quiet: #9ba6ad;
        --line: #30383d; --cell: #2b3338; --accent: #62b6d3; --soft: #62b6d326;
        --amber: #e0ad4f; --alarm: #ff8a80; --found: #ff9f5a; --focus: #8ab4f8;
      }
    }
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; }
    body {
      margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 3rem;
      background: var(--paper); color: var(--ink);
      font: 1rem/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums;
    }
    a { color: var(--accent); text-underline-offset: .15em; }
    :focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
    section:focus { outline: none; }
    section:empty { display: none; }
    .skip { position: absolute; left: -100vw; }
    .skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem; }
    header { margin-bottom: 1.5rem; }
    h1 { font-size: 1.5rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
    h2 { font-size: 1rem; margin: 0 0 .75rem; }
    header p { margin: .25rem 0 0; color: var(--quiet); overflow-wrap: anywhere; }
    p.down { color: var(--alarm); font-weight: 600; }
    code { font: .9em ui-monospace, monospace; }
    .quiet, figcaption, footer, .count, .ranges { color: var(--quiet); }
    figcaption, .count, footer, .ranges { font-size: .875rem; }
    main { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
    section {
      background: var(--card); border: 1px solid var(--line);
      border-radius: .625rem; padding: 1rem; min-width: 0;
    }
    @media (min-width: 60rem) {
      main { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem; }
      section { padding: 1.25rem; }
      #leases { grid-column: 1 / -1; }
    }
    .ranges { margin: -.5rem 0 .75rem; overflow-wrap: anywhere; }
    svg { display: block; width: 100%; }
    .bar { height: .625rem; border-radius: .3rem; overflow: hidden; }
    .bar .pool { fill: var(--cell); }
    .bar .leased { fill: var(--accent); }
    .bar .in-use { fill: var(--amber); }
    .figures {
      display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr));
      gap: 1rem; margin: 1.25rem 0 0;
    }
    dt { color: var(--quiet); font-size: .875rem; }
    dd { margin: 0; font-size: 1.25rem; line-height: 1.3; }
    .share { color: var(--quiet); font-size: .8125rem; white-space: nowrap; }
    .warn dd { color: var(--alarm); }
    figure { margin: 0; position: relative; }
    figcaption { margin-top: .5rem; }
    .plot svg { height: 9.5rem; overflow: visible; }
    .plot path { vector-effect: non-scaling-stroke; fill: none; }
    .plot .grid { stroke: var(--line); }
    .plot .area { fill: var(--soft); }
    .plot .line { stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
    .plot .bars { stroke: var(--alarm); stroke-width: 3; }
    .plot .top, .axis { color: var(--quiet); font-size: .75rem; }
    .plot .top {
      position: absolute; top: .125rem; right: 0; background: var(--card);
      padding: 0 .25rem;
    }
    .axis { display: flex; justify-content: space-between; }
    .map svg { max-height: 34rem; }
    .map path { stroke-width: 1; fill: none; }
    .map path.pool { fill: var(--cell); }
    .map .leased { stroke: var(--accent); }
    .map .in-use { stroke: var(--amber); }
    .map .found { stroke: var(--found); }
    figcaption span { margin-left: .75em; white-space: nowrap; }
    figcaption span::before {
      content: ""; display: inline-block; width: .7em; height: .7em;
      margin-right: .35em; border-radius: .15em; background: var(--accent);
    }
    figcaption .in-use::before { background: var(--amber); }
    figcaption .found::before { background: var(--found); }
    .map pattern path { stroke: var(--card); stroke-width: .3; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; width: 100%; }
    th, td {
      text-align: left; padding: .375rem .75rem .375rem 0; vertical-align: top;
      white-space: nowrap; border-bottom: 1px solid var(--line);
    }
    th { color: var(--quiet); font-weight: 500; font-size: .875rem; }
    tbody tr:last-child td { border-bottom: 0; }
    .number { text-align: right; }
    td.command {
      white-space: normal; overflow-wrap: anywhere; min-width: 12rem; width: 99%;
      font: .875rem/1.5 ui-monospace, monospace;
    }
    .share-bar { width: 6rem; min-width: 3rem; }
    .share-bar svg { height: .5rem; margin-top: .5rem; }
    .share-bar rect { fill: var(--accent); }
    #leases table { max-width: 40rem; }
    #leases table:has(.command) { max-width: none; }
    form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
    label { flex-basis: 100%; color: var(--quiet); font-size: .875rem; }
    input, button {
      font: inherit; color: inherit; background: var(--paper);
      border: 1px solid var(--quiet); border-radius: .375rem; padding: .375rem .625rem;
      min-height: 2.5rem;
    }
    input { flex: 1 1 10rem; max-width: 24rem; min-width: 0; }
    button { cursor: pointer; }
    .pages { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: 1rem; }
    .pages > * { padding: .375rem 0; }
    .pages [aria-disabled] { color: var(--quiet); opacity: .6; }
    footer { margin-top: 1.5rem; }
    footer button { min-height: 0; font-size: .875rem; }
    @media (max-width: 40rem) {
      td.command { min-width: 6rem; }
      th, td { padding-right: .5rem; }
      th:has(+ th):empty, .share-bar { display: none; }
    }
    @media print { form, .pages, .skip, footer button { display: none; } }

    """

  static let script = """
    "use strict";
    // Refreshes the page every five seconds, in place, and searches while one types.
    (() => {
      const interval = 5000, timeout = 10000;
      let paused = false, timer = 0, running = null;

      const search = () => document.getElementById("q");
      const state = () => document.getElementById("state");

      function replace(next) {
        for (const part of document.querySelectorAll("[data-live]")) {
          const other = next.getElementById(part.id);
          if (!other) { part.replaceChildren(); continue; }
          if (part.innerHTML === other.innerHTML
            && part.className === other.className) continue;
          const focused = part.contains(document.activeElement)
            ? document.activeElement : null;
          const id = focused && focused.id, href = focused && focused.getAttribute("href");
          const left = [...part.querySelectorAll(".scroll")].map((e) => e.scrollLeft);
          part.className = other.className;
          part.replaceChildren(...other.childNodes);
          part.querySelectorAll(".scroll").forEach((e, i) => { e.scrollLeft = left[i] || 0; });
          if (focused) {
            const again = (id && document.getElementById(id))
              || [...part.querySelectorAll("a")].find((a) => a.getAttribute("href") === href);
            if (again) again.focus({preventScroll: true});
          }
        }
      }

      async function refresh() {
        clearTimeout(timer);
        if (running) running.abort();
        const mine = running = new AbortController();
        const limit = setTimeout(() => mine.abort(), timeout);
        try {
          const url = location.pathname + location.search;
          const answer = await fetch(url, {signal: mine.signal, cache: "no-store"});
          const next = new DOMParser().parseFromString(await answer.text(), "text/html");
          if (mine !== running) return;
          // A page without leases lacks parts: when they are back, it is needed anew.
          if (!next.getElementById("leases") !== !document.getElementById("leases")
            || next.getElementById("q") && !search()) {
            location.reload();
            return;
          }
          replace(next);
          document.body.dataset.refreshed = Number(document.body.dataset.refreshed || 0) + 1;
        } catch (error) {
          if (mine !== running) return;
          const where = state();
          where.className = "down";
          where.textContent = "The exporter does not answer. What is shown is old.";
        } finally {
          clearTimeout(limit);
          if (mine === running) { running = null; schedule(); }
        }
      }

      function schedule() {
        clearTimeout(timer);
        if (!paused && !document.hidden) timer = setTimeout(refresh, interval);
      }

      function searchFor(text) {
        const query = new URLSearchParams();
        if (text.trim()) query.set("q", text.trim());
        history.replaceState(null, "", "./" + (query.size ? "?" + query : ""));
        refresh();
      }

      let typing = 0;
      document.addEventListener("input", (event) => {
        if (event.target !== search()) return;
        clearTimeout(typing);
        typing = setTimeout(() => searchFor(search().value), 200);
      });
      document.addEventListener("submit", (event) => {
        if (event.target.getAttribute("role") !== "search") return;
        event.preventDefault();
        clearTimeout(typing);
        searchFor(search().value);
      });
      document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || !search()) return;
        if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) {
          event.preventDefault();
          search().focus();
          search().select();
        } else if (event.key === "Escape" && event.target === search()) {
          event.preventDefault();
          search().value = "";
          searchFor("");
        }
      });

      // A click on a cell of the map searches for its port.
      document.addEventListener("click", (event) => {
        const map = event.target.closest && event.target.closest("svg[data-ranges]");
        if (!map || !search()) return;
        const at = new DOMPoint(event.clientX, event.clientY)
          .matrixTransform(map.getScreenCTM().inverse());
        let index = Math.floor(at.y) * Number(map.dataset.columns) + Math.floor(at.x);
        for (const range of map.dataset.ranges.split(",")) {
          const [first, last] = range.split("-").map(Number);
          if (index <= last - first) {
            search().value = String(first + index);
            searchFor(search().value);
            return;
          }
          index -= last - first + 1;
        }
      });

      const button = document.createElement("button");
      button.type = "button";
      button.id = "pause";
      button.textContent = "Pause updates";
      button.addEventListener("click", () => {
        paused = !paused;
        button.textContent = paused ? "Resume updates" : "Pause updates";
        if (paused) clearTimeout(timer); else refresh();
      });
      document.querySelector("footer").append(button);
      document.addEventListener("visibilitychange", () => {
        if (!document.hidden && !paused) refresh(); else clearTimeout(timer);
      });
      schedule();
    })();

    """
}
