// What a reader gets on top of a page that is whole without it: the current entry of the contents,
// a filter of the claims, and the same cell marked in every figure. Nothing is loaded, kept or moved.
"use strict";
{
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, given) => Object.assign(document.createElement(tag), given);

  // Contents: the section that crosses a line in the upper third of the screen.
  const links = new Map(all(".contents a").map((link) => [link.hash.slice(1), link]));
  const follow = (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) links.get(target.id).setAttribute("aria-current", "location");
      else links.get(target.id).removeAttribute("aria-current");
    }
  };
  const watcher = new IntersectionObserver(follow, { rootMargin: "-30% 0px -70% 0px" });
  all("main > section").filter((section) => links.has(section.id)).forEach((one) => watcher.observe(one));

  // Claims: rows that hold every word of the box.
  for (const list of all(".all[data-filter]")) {
    const rows = all("tbody tr", list);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const box = make("input", { type: "search", autocomplete: "off", spellcheck: false });
    const found = make("output");
    const filter = () => {
      const words = box.value.toLowerCase().split(/\s+/);
      rows.forEach((row, i) => { row.hidden = !words.every((word) => texts[i].includes(word)); });
      const shown = rows.filter((row) => !row.hidden).length;
      found.textContent = box.value.trim() ? list.dataset.found.replace("#", shown) : "";
    };
    const label = make("label", { textContent: list.dataset.filter });
    const line = make("p", { className: "filter" });
    label.append(" ", box);
    line.append(label, " ", found);
    list.querySelector("table").before(line);
    box.addEventListener("input", filter);
    document.addEventListener("click", ({ target }) => { // a link to a row that is filtered away
      if (!box.value || !target.closest("a[href^='#claim-']")) return;
      box.value = "";
      filter();
    });
  }

  // Cells: one that is pointed at, or reached with the arrow keys, is marked wherever it is drawn.
  const cells = document.getElementById("cells");
  const names = cells ? all("option", cells).map((one) => one.value) : [];
  const drawn = new Map(names.map((_, i) => [`${i}`, all(`[data-cell="${i}"]`)]));
  const name = make("output", { className: "cell-name" });
  let current = null;
  const mark = (cell) => {
    if (cell === current) return;
    for (const one of drawn.get(current) ?? []) one.classList.remove("on");
    for (const one of drawn.get(cell) ?? []) one.classList.add("on");
    name.textContent = names[cell] ?? "";
    current = cell;
  };
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  if (cells) {
    document.documentElement.classList.add("linked");
    document.body.append(name);
    document.addEventListener("pointerover", ({ target }) => mark(target.dataset.cell ?? null));
  }
  for (const group of cells ? all(".cells") : []) {
    const order = all("path", group).map((one) => one.dataset.cell);
    const canvas = group.closest("div");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "group");
    canvas.setAttribute("aria-label", cells.dataset.keys);
    canvas.addEventListener("blur", () => mark(null));
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "Escape") mark(null);
      if (!steps[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const at = order.indexOf(current);
      const first = at < 0 && steps[event.key] < 0 ? 0 : at;
      mark(order[(first + steps[event.key] + order.length) % order.length]);
    });
  }
}
