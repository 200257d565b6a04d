  // ---- the page

  function fromHash() {
    let wanted = location.hash.slice(1);
    try { wanted = decodeURIComponent(wanted); } catch { /* a name with a percent sign */ }
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
