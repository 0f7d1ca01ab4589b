"use strict";
(() => {
  const PAGE = 100;
  const SVG = "http://www.w3.org/2000/svg";
  const MOST_HEIGHT = 420;
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const text = (index) => data.texts[index];
  const BAD = new Set(["failed", "refused", "rolled back", "reverted"]);

  const rows = data.rows.map((row) => {
    const told = {
      path: `${row.namespace}/${row.name}`,
      result: text(row.result),
      desired: text(row.desired),
      fleet: text(row.fleet),
      reason: text(row.reason),
      message: text(row.message),
      next: text(row.next),
      start: row.start,
      seconds: row.seconds,
      writes: row.writes,
      steps: row.steps,
      changes: row.changes.map(text),
      warnings: row.warnings.map(text),
    };
    told.all = [told.path, told.result, told.desired, told.fleet, told.reason, told.message]
      .join(" ")
      .toLowerCase();
    return told;
  });
  const state = { by: "start", down: false, page: 0, open: new Set() };
  let shown = rows;

  function make(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "class") made.className = value;
      else made.setAttribute(name, value);
    }
    made.append(...children.filter((child) => child !== null && child !== ""));
    return made;
  }

  function draw(tag, attributes) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  function brief(seconds) {
    if (seconds === null) return "";
    if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  }

  function clock(offset) {
    if (offset === null) return "";
    return new Date((data.began + offset) * 1000).toISOString().slice(11, 21) + "Z";
  }

  /* ---- which rows, in which order ---- */

  function compare(one, other) {
    const a = one[state.by];
    const b = other[state.by];
    if (a === b) return one.path < other.path ? -1 : 1;
    if (a === null || a === "") return 1;
    if (b === null || b === "") return -1;
    return (a < b ? -1 : 1) * (state.down ? -1 : 1);
  }

  function choose() {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const result = $("by-result").value;
    const fleet = $("by-fleet").value;
    shown = rows.filter(
      (row) =>
        (!result || row.result === result) &&
        (!fleet || row.fleet === fleet) &&
        words.every((word) => row.all.includes(word)),
    );
    shown.sort(compare);
    state.page = 0;
    fill();
    gantt();
  }

  /* ---- the table ---- */

  function resultClass(result) {
    if (result === "succeeded") return "good-text";
    return BAD.has(result) ? "bad-text" : "open-text";
  }

  function bar(row) {
    const total = row.steps.reduce((sum, step) => sum + step[2], 0);
    const made = make("div", { class: "bar", "aria-hidden": "true" });
    if (!total) return made;
    for (const [index, , seconds] of row.steps) {
      const step = data.steps[index];
      const part = make("i", { class: step.phase, title: `${step.name} ${brief(seconds)}` });
      part.style.flex = `${Math.max(seconds / total, 0.001)} 0 0`;
      made.append(part);
    }
    return made;
  }

  function list(items) {
    return make("ul", {}, ...items.map((item) => make("li", {}, item)));
  }

  function more(row, id) {
    const told = make("dl");
    const say = (name, value) => told.append(make("dt", {}, name), make("dd", {}, value));
    if (row.message) say("Why", `${row.reason}: ${row.message}`);
    if (row.next) say("Next", make("code", {}, row.next));
    if (row.changes.length) say("Changed", list(row.changes));
    if (row.warnings.length) say("Carried in another form", list(row.warnings));
    if (row.steps.length) {
      say(
        "Steps",
        list(
          row.steps.map(
            ([index, offset, seconds]) =>
              `${data.steps[index].name}: ${brief(seconds)}, from ${clock(offset)}`,
          ),
        ),
      );
    }
    if (!told.childElementCount) say("Steps", "none were recorded");
    return make("tr", { class: "more", id }, make("td", { colspan: "8" }, told));
  }

  function toggle(row) {
    if (state.open.has(row.path)) state.open.delete(row.path);
    else state.open.add(row.path);
    fill();
    const again = document.querySelector(`[data-path="${CSS.escape(row.path)}"]`);
    if (again) again.focus();
  }

  function line(row, number) {
    const open = state.open.has(row.path);
    const id = `more-${number}`;
    const button = make(
      "button",
      { type: "button", class: "open", "aria-expanded": String(open), "data-path": row.path },
      row.path,
    );
    if (open) button.setAttribute("aria-controls", id);
    button.addEventListener("click", () => toggle(row));
    const told = row.reason && row.result !== "succeeded" ? `${row.result}: ${row.reason}` : row.result;
    const cells = make(
      "tr",
      {},
      make("th", { scope: "row" }, button),
      make("td", { class: resultClass(row.result) }, told),
      make("td", {}, row.desired),
      make("td", {}, row.fleet),
      make("td", { class: "n" }, clock(row.start)),
      make("td", { class: "n" }, brief(row.seconds)),
      make("td", { class: "n" }, row.writes === null ? "" : String(row.writes)),
      make("td", {}, bar(row)),
    );
    return open ? [cells, more(row, id)] : [cells];
  }

  function fill() {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const from = state.page * PAGE;
    const part = shown.slice(from, from + PAGE);
    $("rows").replaceChildren(...part.flatMap(line));
    $("shown").textContent = shown.length
      ? `${from + 1}-${from + part.length} of ${shown.length} shown, ${rows.length} in all`
      : `None of ${rows.length} is like that.`;
    $("page").textContent = `Page ${state.page + 1} of ${pages}`;
    $("previous").disabled = state.page === 0;
    $("next").disabled = state.page >= pages - 1;
  }

  /* ---- the timeline: one path a colour, so that thousands of lines cost little ---- */

  const LINE = 14;
  const MOST_LINES = 60;
  const TICK = 110; // pixels that the longest mark on the axis takes
  const drawn = { order: [], height: 1, first: 0, total: 1, lines: true };

  function ticks(from, to) {
    const wanted = (to - from) / Math.max(2, Math.min(6, $("axis").clientWidth / TICK));
    const units = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
      14400, 43200, 86400];
    const step = units.find((unit) => unit >= wanted) || Math.ceil(wanted / 86400) * 86400;
    const found = [];
    for (let at = Math.ceil(from / step) * step; at < to; at += step) found.push(at);
    return found;
  }

  /* Which part of the time is shown: all of it, or that of the lines in sight. */
  function range() {
    const whole = [drawn.first, drawn.first + drawn.total];
    if (!drawn.lines) return whole;
    const top = Math.floor($("scroll").scrollTop / drawn.height);
    const count = Math.ceil($("scroll").clientHeight / drawn.height) + 1;
    const part = drawn.order.slice(top, top + count);
    if (!part.length) return whole;
    const from = Math.min(...part.map((row) => row.start));
    const to = Math.max(...part.map((row) => row.start + (row.seconds || 0)));
    return [from, Math.max(to, from + 0.001)];
  }

  function frame() {
    if (!drawn.order.length) return;
    const [from, to] = range();
    const tall = drawn.order.length * drawn.height;
    $("gantt").setAttribute("viewBox", `${from - drawn.first} 0 ${to - from} ${tall}`);
    const cursor = $("cursor");
    cursor.setAttribute("x", from - drawn.first);
    cursor.setAttribute("width", to - from);
    $("axis").replaceChildren(
      ...ticks(from - drawn.first, to - drawn.first).map((at) => {
        const mark = make("span", {}, `+${at < 60 ? `${+at.toFixed(1)} s` : brief(at)}`);
        mark.style.left = `${((at + drawn.first - from) / (to - from)) * 100}%`;
        return mark;
      }),
    );
  }

  function gantt() {
    const order = shown.filter((row) => row.start !== null).sort((a, b) => a.start - b.start);
    const svg = $("gantt");
    svg.replaceChildren();
    $("axis").replaceChildren();
    $("zoom").hidden = order.length <= MOST_LINES;
    if (!order.length) {
      svg.style.height = "0";
      $("gantt-told").textContent = "None of what is filtered below has begun.";
      drawn.order = [];
      return;
    }
    const first = order[0].start;
    const end = order.reduce((most, row) => Math.max(most, row.start + (row.seconds || 0)), first);
    const total = Math.max(end - first, 0.001);
    const lines = order.length <= MOST_LINES || $("zoom").getAttribute("aria-pressed") === "true";
    const height = lines ? LINE : MOST_HEIGHT / order.length;
    Object.assign(drawn, { order, height, first, total, lines });
    svg.setAttribute("preserveAspectRatio", "none");
    svg.style.height = `${order.length * height}px`;
    const longest = order.reduce((most, row) => Math.max(most, row.seconds || 0), 0.001);
    const least = lines ? longest / 1000 : total / 1200;
    const paths = {};
    order.forEach((row, index) => {
      const y = ((index + 0.5) * height).toFixed(2);
      const add = (name, offset, seconds) => {
        const width = Math.max(seconds, least).toFixed(4);
        (paths[name] = paths[name] || []).push(`M${(offset - first).toFixed(4)} ${y}h${width}`);
      };
      for (const [step, offset, seconds] of row.steps) add(data.steps[step].phase, offset, seconds);
      if (!row.steps.length) add("other", row.start, row.seconds || 0);
      const mark = lines ? longest / 40 : total / 150;
      if (BAD.has(row.result)) add("bad", row.start + (row.seconds || 0) - mark / 2, mark);
    });
    const thick = lines ? height - 3 : Math.max(1.5, height);
    const marked = lines ? height - 3 : 3;
    for (const [name, parts] of Object.entries(paths)) {
      const width = name === "bad" ? marked : thick;
      svg.append(draw("path", { class: name, "stroke-width": width, d: parts.join("") }));
    }
    const cursor = draw("rect", { class: "cursor", height: Math.max(height, 1.5), y: -LINE });
    cursor.id = "cursor";
    svg.append(cursor);
    frame();
    $("gantt-told").textContent =
      `${order.length} migrations over ${brief(total)}, from ${clock(first)}, one line each by the ` +
      "time it began. What is filtered below is filtered here too; the table has every figure.";
  }

  $("scroll").addEventListener("scroll", frame);
  window.addEventListener("resize", frame);
  $("zoom").addEventListener("click", () => {
    const pressed = $("zoom").getAttribute("aria-pressed") === "true";
    $("zoom").setAttribute("aria-pressed", String(!pressed));
    gantt();
  });

  function rowAt(event) {
    const y = event.clientY - $("gantt").getBoundingClientRect().top;
    return Math.floor(y / drawn.height);
  }

  $("gantt").addEventListener("pointermove", (event) => {
    const index = rowAt(event);
    const row = drawn.order[index];
    if (!row) return;
    $("cursor").setAttribute("y", index * drawn.height);
    const steps = row.steps.map(([step, , seconds]) => `${data.steps[step].name} ${brief(seconds)}`);
    $("pointed").textContent =
      `${row.path}: ${row.result}, from ${clock(row.start)}, ${brief(row.seconds)}` +
      (steps.length ? ` (${steps.join(", ")})` : "");
  });
  $("gantt").addEventListener("click", (event) => {
    const row = drawn.order[rowAt(event)];
    if (!row) return;
    $("search").value = row.path;
    state.open.add(row.path);
    choose();
    $("installations").scrollIntoView();
  });

  /* ---- controls ---- */

  for (const head of document.querySelectorAll("th[data-by]")) {
    head.querySelector("button").addEventListener("click", () => {
      const by = head.dataset.by;
      state.down = state.by === by ? !state.down : false;
      state.by = by;
      for (const each of document.querySelectorAll("th[data-by]")) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      shown.sort(compare);
      state.page = 0;
      fill();
    });
  }
  function options(select, values) {
    for (const value of [...new Set(values)].filter(Boolean).sort()) {
      select.append(make("option", { value }, value));
    }
  }
  options($("by-result"), rows.map((row) => row.result));
  options($("by-fleet"), rows.map((row) => row.fleet));
  let typing = 0;
  $("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(choose, 120);
  });
  $("by-result").addEventListener("change", choose);
  $("by-fleet").addEventListener("change", choose);
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("filters").addEventListener("reset", () => setTimeout(choose, 0));
  function turn(by) {
    state.page += by;
    fill();
    $("installations").scrollIntoView();
  }
  $("previous").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    $("search").focus();
  });

  /* ---- light and dark: the system's choice, until the button is pressed ---- */

  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  function paint() {
    const dark = chosen === null ? system.matches : chosen;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    $("theme").setAttribute("aria-pressed", String(dark));
  }
  $("theme").addEventListener("click", () => {
    chosen = document.documentElement.dataset.theme !== "dark";
    paint();
  });
  system.addEventListener("change", paint);

  paint();
  choose();
})();
