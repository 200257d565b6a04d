"use strict";
// Untrusted texts of models, tests and repositories: they may only become text nodes.
(() => {
  const packed = document.getElementById("packed").textContent.split("\n");
  const byId = (id) => document.getElementById(id);
  const LETTERS = { resolved: "R", unresolved: "U", empty_patch: "E", error: "X", infra_error: "?", missing: "?" };
  const DIFFICULTIES = ["<15 min fix", "15 min - 1 hour", "1-4 hours", ">4 hours"];  // of SWE-bench Verified, in this order
  const state = { order: "name", descending: false, shown: [], open: -1, left: null, right: null };
  let index = null;

  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name === "text") element.textContent = value;
      else if (name === "class") element.className = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  // ---- the matrix

  const mean = (values) => values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
  const tokens = (attempt) => attempt[4] === null && attempt[5] === null ? null : (attempt[4] ?? 0) + (attempt[5] ?? 0);
  const meanTokens = (instance, condition) =>
    mean(instance.attempts.filter((a) => a[0] === condition).map(tokens).filter((n) => n !== null));
  const change = (instance, condition) => instance.changes[condition];

  function columns() {
    const found = [{ key: "name", label: "Instance", value: (i) => i.id }, { key: "repo", label: "Repository", value: (i) => i.repo }];
    if (index.instances.some((i) => i.difficulty)) found.push({ key: "difficulty", label: "Difficulty", value: (i) => `${DIFFICULTIES.indexOf(i.difficulty)} ${i.difficulty}`, text: (i) => i.difficulty });
    index.conditions.forEach((name, number) => found.push({ key: `share${number}`, label: name, value: (i) => i.shares[number], condition: number }));
    index.conditions.forEach((name, number) => {
      const label = index.conditions.length > 2 ? `Change, ${name}` : "Change";
      if (number && index.has_control) found.push({ key: `change${number}`, label, value: (i) => change(i, number), change: number });
    });
    index.conditions.forEach((name, number) => found.push({
      key: `tokens${number}`, label: `Tokens, ${name}`, value: (i) => meanTokens(i, number), number: true }));
    return found;
  }

  const attemptsOf = (instance, condition) => instance.attempts.filter((a) => a[0] === condition);

  function cells(instance, condition) {
    const group = make("span");
    for (const attempt of attemptsOf(instance, condition)) {
      const outcome = LETTERS[attempt[2]] ? attempt[2] : "missing";
      const words = `seed ${attempt[1]}: ${outcome}`;
      group.append(make("span", { class: `cell ${outcome}`, title: words, role: "img", "aria-label": words, text: LETTERS[outcome] }));
    }
    return group;
  }

  function row(instance, list) {
    const open = make("button", { type: "button", text: instance.id });
    const line = make("tr");
    line.dataset.number = instance.number;
    for (const column of list) {
      const cell = make(column.key === "name" ? "th" : "td", column.number ? { class: "n" } : {});
      if (column.key === "name") {
        cell.scope = "row";
        cell.append(open);
        if (instance.flaky.length) cell.append(make("span", { class: "tag flaky", title: "flaky grading: another verdict when graded again", text: "flaky" }));
      } else if (column.condition !== undefined) cell.append(cells(instance, column.condition));
      else if (column.change !== undefined) {
        const by = change(instance, column.change);
        if (by) cell.append(make("span", { class: `tag ${by > 0 ? "gained" : "lost"}`, text: by > 0 ? "gained" : "lost" }));
      } else {
        const value = (column.text ?? column.value)(instance);
        cell.textContent = value === null ? "–" : column.number ? Math.round(value).toLocaleString("en-US") : value;
      }
      line.append(cell);
    }
    return line;
  }

  function compare(a, b) {
    if (a === null || b === null) return (a === null) - (b === null);
    return typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
  }

  function draw() {
    const list = columns();
    const column = list.find((c) => c.key === state.order);
    const text = byId("filter-text").value.trim().toLowerCase();
    const [repo, outcome, flips] = [byId("filter-repo").value, byId("filter-outcome").value, byId("filter-flips").checked];
    state.shown = index.instances.filter((i) =>
      (!text || `${i.id} ${i.repo}`.toLowerCase().includes(text)) && (!repo || i.repo === repo) &&
      (!flips || i.is_discordant) && (!outcome || i.attempts.some((a) => a[2] === outcome)));
    const sign = state.descending ? -1 : 1;
    state.shown.sort((a, b) => sign * compare(column.value(a), column.value(b)) || a.number - b.number);
    const table = byId("outcomes");
    table.tHead.replaceChildren(head(list));
    table.tBodies[0].replaceChildren(...state.shown.map((i) => row(i, list)));
    if (!state.shown.length) {
      const words = index.instances.length ? "No instance matches the filters." : "No instance was attempted.";
      table.tBodies[0].append(make("tr", {}, make("td", { class: "empty", colspan: list.length, text: words })));
    }
    byId("shown").textContent = `${state.shown.length} of ${index.instances.length} instances`;
  }

  function head(list) {
    const line = make("tr");
    for (const column of list) {
      const button = make("button", { type: "button", text: column.label });
      button.addEventListener("click", () => {
        state.descending = state.order === column.key && !state.descending;
        state.order = column.key;
        draw();
        byId("outcomes").querySelector(`th[data-key="${column.key}"] button`).focus();
      });
      const cell = make("th", { scope: "col", "data-key": column.key, class: column.number ? "n" : "" }, button);
      const direction = state.descending ? "descending" : "ascending";
      cell.setAttribute("aria-sort", state.order === column.key ? direction : "none");
      line.append(cell);
    }
    return line;
  }

  function prepare() {
    index.instances.forEach((instance, number) => { instance.number = number; });
    const options = (select, values) => values.forEach((value) => byId(select).append(make("option", { value, text: value })));
    options("filter-repo", [...new Set(index.instances.map((i) => i.repo))].sort());
    const seen = new Set(index.instances.flatMap((i) => i.attempts.map((a) => a[2])));
    options("filter-outcome", index.outcomes.filter((o) => seen.has(o)));
    for (const id of ["filter-text", "filter-repo", "filter-outcome", "filter-flips"]) byId(id).addEventListener("input", draw);
    const body = byId("outcomes").tBodies[0];
    body.addEventListener("click", (event) => {
      const line = event.target.closest("tr[data-number]");
      if (line) open(Number(line.dataset.number));
    });
    body.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
      const line = event.target.closest("tr[data-number]");
      if (!step || !line || event.ctrlKey || event.metaKey || event.altKey) return;
      const next = step > 0 ? line.nextElementSibling : line.previousElementSibling;
      if (next) { event.preventDefault(); next.querySelector("button").focus(); }
    });
  }
