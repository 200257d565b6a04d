"use strict";
// Records of models, tests and repositories come in here. They become text nodes and nothing else.
(() => {
  const packed = document.getElementById("packed").textContent.split("\n");
  const byId = (id) => document.getElementById(id);
  const LETTERS = { resolved: "R", unresolved: "U", empty_patch: "E", error: "X", infra_error: "?", missing: "?" };
  const DIFFICULTIES = ["<15 min fix", "15 min - 1 hour", "1-4 hours", ">4 hours"];  // of SWE-bench Verified, in order
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
  const change = (instance, condition) =>
    instance.shares[0] === null || instance.shares[condition] === null ? null : instance.shares[condition] - instance.shares[0];

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
        if (instance.flaky.length) cell.append(make("span", { class: "tag flaky", title: "the harness disagrees with itself on this instance", text: "flaky" }));
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

  // ---- an instance

  async function open(number, { keepHash = false } = {}) {
    const instance = index.instances[number];
    const dialog = byId("instance");
    state.open = number;
    byId("instance-title").textContent = instance.id;
    byId("detail").replaceChildren(make("p", { class: "absent", text: "Reading …" }));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    const place = state.shown.indexOf(instance);
    byId("position").textContent = place < 0 ? "" : `${place + 1} of ${state.shown.length}`;
    byId("previous").disabled = place <= 0;
    byId("next").disabled = place < 0 || place >= state.shown.length - 1;
    if (!keepHash) history.replaceState(null, "", `#${encodeURIComponent(instance.id)}`);
    const block = packed[number + 1];
    const detail = block ? await unpack(block) : null;
    if (state.open !== number) return;
    byId("detail").replaceChildren(...show(instance, detail));
    byId("detail").focus({ preventScroll: true });
    dialog.dataset.ready = instance.id;
  }

  function step(by) {
    const place = state.shown.indexOf(index.instances[state.open]) + by;
    if (place >= 0 && place < state.shown.length) open(state.shown[place].number);
  }

  function closed() {
    const line = byId("outcomes").querySelector(`tr[data-number="${state.open}"] button`);
    state.open = -1;
    history.replaceState(null, "", location.pathname + location.search);
    if (line) line.focus();
  }

  const nameOf = (attempt) => `${index.conditions[attempt[0]]}, seed ${attempt[1]}`;
  const folded = (title, isOpen, ...children) => {
    const found = make("details", isOpen ? { open: "" } : {}, make("summary", { text: title }));
    found.append(...children);
    return found;
  };
  const pre = (text, kind = "") => make("pre", { class: kind, tabindex: "0", text });

  function show(instance, detail) {
    const facts = [instance.repo, instance.difficulty, instance.flaky.length ? `flaky, graded again: ${instance.flaky.join("; ")}` : ""];
    const found = [make("p", { class: "meta", text: facts.filter(Boolean).join(" · ") })];
    if (!detail) return [...found, make("p", { text: "This page holds no details of this instance." })];
    found.push(attemptTable(instance, detail));
    found.push(folded("Issue", true, detail.problem ? pre(detail.problem) : make("p", { class: "absent", text: "Its text is not among the records of the runs." })));
    return [...found, ...sides(instance, detail)];
  }

  function attemptTable(instance, detail) {
    const head = ["Attempt", "Outcome", "Ended by", "Tokens", "Steps", "Tests passed"].map((text) =>
      make("th", { scope: "col", class: text === "Tokens" || text === "Steps" ? "n" : "", text }));
    const body = make("tbody");
    instance.attempts.forEach((attempt, number) => {
      const more = detail.attempts[number];
      const one = make("tr", {}, make("th", { scope: "row", text: nameOf(attempt) }));
      const outcome = LETTERS[attempt[2]] ? attempt[2] : "missing";
      one.append(make("td", {}, make("span", { class: `cell ${outcome}`, "aria-hidden": "true", text: LETTERS[outcome] }), ` ${outcome}`));
      const failed = Object.entries(more.n_tests).map(([kind, [passed, all]]) => `${passed} of ${all} ${kind}`);
      const total = tokens(attempt);
      one.append(make("td", { text: more.exit_status }), make("td", { class: "n", text: total === null ? "–" : total.toLocaleString("en-US") }));
      one.append(make("td", { class: "n", text: attempt[7] ?? "–" }), make("td", { text: failed.join("; ") || more.reason }));
      body.append(one);
    });
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), body);
    return make("div", { class: "box" }, table);
  }

  function sides(instance, detail) {
    const attempts = instance.attempts;
    if (!attempts.length) return [];
    const other = attempts.findIndex((a) => a[0] !== attempts[0][0]);
    state.left = 0;
    state.right = other < 0 ? Math.min(1, attempts.length - 1) : other;
    const target = make("div");
    const select = (side, label) => {
      const found = make("select", { id: `choose-${side}` });
      attempts.forEach((attempt, number) => found.append(make("option", { value: number, text: `${nameOf(attempt)}: ${attempt[2]}` })));
      found.value = state[side];
      found.addEventListener("input", () => { state[side] = Number(found.value); pair(target, instance, detail); });
      return make("label", { text: label }, found);
    };
    const jump = make("button", { type: "button", id: "jump", text: "First difference" });
    jump.addEventListener("click", () => target.querySelector(".first-difference")?.scrollIntoView({ block: "center" }));
    pair(target, instance, detail);
    return [make("h3", { text: "Side by side" }), make("div", { class: "choose" }, select("left", "Left"), select("right", "Right"), jump), target];
  }

  // equal first steps of two attempts: the least between their places in the sorted order
  function shared(detail, left, right) {
    if (left === right) return detail.attempts[left].n_steps;
    const { order, shared: counts } = detail.branches;
    const [a, b] = [order.indexOf(left), order.indexOf(right)].sort((x, y) => x - y);
    return Math.min(...counts.slice(a, b));
  }

  function pair(target, instance, detail) {
    const chosen = [state.left, state.right];
    const grid = make("div", { class: "pair" });
    for (const number of chosen) grid.append(side(instance, detail, number));
    const known = chosen.map((number) => detail.attempts[number]);
    const title = make("h3", { text: "Trajectory, step by step" });
    const steps = make("div", { class: "pair", id: "steps" });
    for (const number of chosen) steps.append(make("div", { class: "head" }, make("strong", { text: nameOf(instance.attempts[number]) }), make("div", { class: "absent", text: whole(instance, number, detail) })));
    const first = shared(detail, ...chosen) + 1;
    const last = Math.max(0, ...known.map((attempt) => attempt.n_steps));
    const by = known.map((attempt) => new Map(attempt.steps.map((s) => [s[0], s])));
    byIdOrNull("jump", (button) => { button.disabled = !last || first > last; });
    for (let number = 1, gap = 0; number <= last; number += 1) {
      const isFirst = number === first;
      if (!isFirst && !by[0].has(number) && !by[1].has(number)) { gap += 1; if (number < last) continue; }
      if (gap) { steps.append(make("p", { class: "absent first-gap", text: `${gap} steps are not in this page` }), make("span")); gap = 0; }
      if (!isFirst && !by[0].has(number) && !by[1].has(number)) continue;
      if (isFirst) steps.append(make("p", { class: "first-difference", text: `Step ${number}: here the two part${number > 1 ? `, after ${number - 1} equal step${number > 2 ? "s" : ""}` : ""}` }));
      by.forEach((own, which) => steps.append(stepBox(own.get(number), number, known[which].n_steps, isFirst, nameOf(instance.attempts[chosen[which]]))));
    }
    target.replaceChildren(grid, ...(last ? [title, steps] : [title, make("p", { class: "absent", text: noSteps(known) })]));
  }

  function byIdOrNull(id, act) { const found = byId(id); if (found) act(found); }

  const noSteps = (known) => known.some((a) => a.has_trajectory) ? "There is no step." : "No trajectory is in this page: it was left out, it is too large, or the runner writes none.";

  function whole(instance, number, detail) {
    const attempt = detail.attempts[number];
    if (!attempt.has_trajectory) return "no trajectory";
    const path = `${index.trajectories_in}/${instance.attempts[number][3]}/${instance.id}/${instance.id}.traj.json`;
    return `${attempt.n_steps} step${attempt.n_steps === 1 ? "" : "s"}${attempt.is_cut ? ", shortened here; all of it" : ""}: ${path}`;
  }

  function stepBox(found, number, n_steps, differs, name) {
    if (!found) return make("div", { class: "absent", text: number > n_steps ? (number === n_steps + 1 ? "ended" : "") : `step ${number} is not in this page` });
    const box = make("div", { class: `step${differs ? " differs" : ""}` }, make("div", { class: "number" }, `step ${number}`, make("span", { class: "of", text: `, ${name}` })));
    ["said", "commands", "observed"].forEach((kind, place) => { if (found[place + 1]) box.append(pre(found[place + 1], kind)); });
    return box;
  }

  function side(instance, detail, number) {
    const attempt = detail.attempts[number];
    const head = make("div", { class: "head" }, make("strong", { text: nameOf(instance.attempts[number]) }), `: ${instance.attempts[number][2]}`);
    const found = make("div", { class: "side" }, head);
    if (attempt.error) found.append(make("h4", { text: "Error" }), pre(attempt.error));
    found.append(folded("Patch", true, attempt.patch.trim() ? patch(attempt.patch) : make("p", { class: "absent", text: "  empty" })));
    const failed = Object.entries(attempt.failed);
    if (failed.length || attempt.log || attempt.reason) {
      const tests = folded("Failed tests", true);
      if (attempt.reason) tests.append(make("p", { class: "absent", text: attempt.reason }));
      for (const [kind, names] of failed) tests.append(make("h4", { text: kind }), make("ul", {}, ...names.map((text) => make("li", { text }))));
      if (attempt.log) tests.append(folded("End of the test log", false, pre(attempt.log)));
      found.append(tests);
    }
    const block = attempt.block === null ? null : detail.blocks[attempt.block];
    const lost = `A context block of ${attempt.context_chars.toLocaleString("en-US")} characters was sent; its text is not among the records.`;
    if (block !== null) found.append(folded(`Context block, ${attempt.context_chars.toLocaleString("en-US")} characters`, false, pre(block)));
    else found.append(make("p", { class: "absent", text: attempt.context_chars ? lost : "No context block was sent." }));
    return found;
  }

  function patch(text) {
    const found = make("pre", { class: "patch", tabindex: "0" });
    let isHead = true;  // of a file, where --- and +++ name it; in a hunk they are lines that went or came
    for (const line of text.replace(/\n$/, "").split("\n")) {
      isHead = line.startsWith("diff ") || (isHead && !line.startsWith("@@"));
      const kind = isHead ? "file" : line.startsWith("@@") ? "hunk" : line.startsWith("+") ? "add" : line.startsWith("-") ? "remove" : "";
      found.append(make("span", { class: kind, text: line }));
    }
    return found;
  }

  // ---- the page

  function fromHash() {
    let wanted = location.hash.slice(1);
    try { wanted = decodeURIComponent(wanted); } catch { /* a name that holds a percent sign */ }
    const found = index.instances.find((i) => i.id === wanted);
    if (found) open(found.number, { keepHash: true });
  }

  async function start() {
    index = await unpack(packed[0]);
    prepare();
    draw();
    const dialog = byId("instance");
    byId("previous").addEventListener("click", () => step(-1));
    byId("next").addEventListener("click", () => step(1));
    byId("close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", closed);
    dialog.addEventListener("keydown", (event) => {
      const isScrolling = event.target.closest("pre") && event.key.startsWith("Arrow");
      if (isScrolling || event.target.closest("select, input") || event.ctrlKey || event.metaKey || event.altKey) return;
      const by = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[event.key];
      if (by) { event.preventDefault(); step(by); }
    });
    document.addEventListener("click", (event) => {
      const name = event.target.closest?.("[data-instance]")?.dataset.instance;
      const found = name === undefined ? null : index.instances.find((i) => i.id === name);
      if (found) open(found.number);
    });
    window.addEventListener("hashchange", () => fromHash());
    fromHash();
    document.documentElement.dataset.ready = "yes";
  }

  start().catch((error) => {
    byId("shown").textContent = `This page could not be read: ${error.message}`;
    throw error;
  });
})();
