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
    if (!detail) return [...found, make("p", { text: "This page has no details of this instance." })];
    found.push(attemptTable(instance, detail));
    found.push(folded("Issue", true, detail.problem ? pre(detail.problem) : make("p", { class: "absent", text: "The issue is not in the records of the runs." })));
    return [...found, ...sides(instance, detail)];
  }

  function attemptTable(instance, detail) {
    const head = ["Attempt", "Outcome", "Exit status", "Tokens", "Steps", "Tests passed"].map((text) =>
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

  // number of equal first steps of two attempts: the minimum between their positions in the sorted order
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
    const title = make("h3", { text: "Trajectories, step by step" });
    const steps = make("div", { class: "pair", id: "steps" });
    for (const number of chosen) steps.append(make("div", { class: "head" }, make("strong", { text: nameOf(instance.attempts[number]) }), make("div", { class: "absent", text: whole(instance, number, detail) })));
    const first = shared(detail, ...chosen) + 1;
    const last = Math.max(0, ...known.map((attempt) => attempt.n_steps));
    const by = known.map((attempt) => new Map(attempt.steps.map((s) => [s[0], s])));
    byIdOrNull("jump", (button) => { button.disabled = !last || first > last; });
    for (let number = 1, gap = 0; number <= last; number += 1) {
      const isFirst = number === first;
      if (!isFirst && !by[0].has(number) && !by[1].has(number)) { gap += 1; if (number < last) continue; }
      if (gap) { steps.append(make("p", { class: "absent first-gap", text: `${gap} steps not shown` }), make("span")); gap = 0; }
      if (!isFirst && !by[0].has(number) && !by[1].has(number)) continue;
      if (isFirst) steps.append(make("p", { class: "first-difference", text: `Step ${number}: the trajectories diverge${number > 1 ? ` after ${number - 1} equal step${number > 2 ? "s" : ""}` : ""}` }));
      by.forEach((own, which) => steps.append(stepBox(own.get(number), number, known[which].n_steps, isFirst, nameOf(instance.attempts[chosen[which]]))));
    }
    target.replaceChildren(grid, ...(last ? [title, steps] : [title, make("p", { class: "absent", text: noSteps(known) })]));
  }

  function byIdOrNull(id, act) { const found = byId(id); if (found) act(found); }

  const noSteps = (known) => known.some((a) => a.has_trajectory) ? "The trajectories have no steps." : "This page has no trajectories: they were left out, are too large, or the runner writes none.";

  function whole(instance, number, detail) {
    const attempt = detail.attempts[number];
    if (!attempt.has_trajectory) return "no trajectory";
    const path = `${index.trajectories_in}/${instance.attempts[number][3]}/${instance.id}/${instance.id}.traj.json`;
    return `${attempt.n_steps} step${attempt.n_steps === 1 ? "" : "s"}${attempt.is_cut ? ", shortened here" : ""}; file: ${path}`;
  }

  function stepBox(found, number, n_steps, differs, name) {
    if (!found) return make("div", { class: "absent", text: number > n_steps ? (number === n_steps + 1 ? "ended" : "") : `step ${number} not shown` });
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
    const lost = `A context block of ${attempt.context_chars.toLocaleString("en-US")} characters was sent; its text is not in the records.`;
    if (block !== null) found.append(folded(`Context block, ${attempt.context_chars.toLocaleString("en-US")} characters`, false, pre(block)));
    else found.append(make("p", { class: "absent", text: attempt.context_chars ? lost : "No context block was sent." }));
    return found;
  }

  function patch(text) {
    const found = make("pre", { class: "patch", tabindex: "0" });
    let isHead = true;  // in a file's header --- and +++ name it; in a hunk they are changed lines
    for (const line of text.replace(/\n$/, "").split("\n")) {
      isHead = line.startsWith("diff ") || (isHead && !line.startsWith("@@"));
      const kind = isHead ? "file" : line.startsWith("@@") ? "hunk" : line.startsWith("+") ? "add" : line.startsWith("-") ? "remove" : "";
      found.append(make("span", { class: kind, text: line }));
    }
    return found;
  }
