// Filters, sorting, and the numbers under the pointer. The page is whole without this; nothing here computes a number.
"use strict";
(() => {
  const answers = JSON.parse(document.getElementById("answers").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const SVG = "http://www.w3.org/2000/svg";

  // Elements whose text is always text.
  function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }
  function shape(name, attributes) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }
  const studyOf = (element) => Number(element.closest("[data-study]").dataset.study);
  const attackOf = (element) => {
    const holder = element.closest("[data-attack]");
    return holder ? Number(holder.dataset.attack) : -1;
  };

  // Tools --------------------------------------------------------------------------------------------------------
  const titles = [...new Set(answers.studies.flatMap((study) => study.attacks))];
  const search = make("input", { type: "search", id: "layers", placeholder: "all, e.g. head, blocks.1*", autocomplete: "off", spellcheck: "false" });
  const verdict = make("select", { id: "verdict" }, make("option", { value: "" }, "any verdict"));
  for (const [letter, name] of Object.entries({ U: "unanchored", I: "intact", E: "eroded", C: "collapsed", H: "hijacked" }))
    verdict.append(make("option", { value: letter }, `${letter} ${name}`));
  const attackBoxes = titles.map((title) => make("input", { type: "checkbox", checked: "", value: title }));
  const attackList = make("div", {}, ...attackBoxes.map((box) => make("label", {}, box, make("bdi", {}, box.value))));
  const none = make("button", { type: "button" }, "All or none");
  if (titles.length > 1) attackList.append(none);
  const attacks = make("details", { id: "attacks" }, make("summary", {}, "Attacks"), attackList);
  const curves = ["clean", "noise", "attack"].map((name) => make("input", { type: "checkbox", checked: "", value: name }));
  const curveSet = make("fieldset", {}, make("legend", {}, "Curves"), ...curves.map((box) => make("label", {}, box, box.value)));
  const told = make("output", { id: "told", "aria-live": "polite" });
  const reset = make("button", { type: "button", id: "reset", hidden: "" }, "Show all");
  const theme = make("button", { type: "button", id: "theme", class: "end" });
  const tools = make("div", { class: "tools", role: "region", "aria-label": "Filters" },
    make("div", {}, make("label", {}, "Layers", search), make("label", {}, make("span", { class: "unseen" }, "Verdict"), verdict), attacks, curveSet, told, reset, theme));
  document.querySelector("header").after(tools);

  // Filters ------------------------------------------------------------------------------------------------------
  // Words are parts of a name, with * or ? patterns of a whole one; any of them fits.
  function fits(text) {
    const words = text.split(/[\s,]+/).filter(Boolean);
    const tests = words.map((word) => {
      const source = word.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".");
      return new RegExp(/[*?]/.test(word) ? `^${source}$` : source, "i");
    });
    return (name) => !tests.length || tests.some((test) => test.test(name));
  }
  const letters = answers.columns.indexOf("verdict");
  function chosen() {
    const named = fits(search.value);
    const titled = new Set(attackBoxes.filter((box) => box.checked).map((box) => box.value));
    return answers.studies.map((study) => {
      const shown = study.attacks.map((title) => titled.has(title));
      const judged = (layer) => !verdict.value || study.rows.some((rows, attack) => shown[attack] && rows[layer][letters].split(" ").includes(verdict.value));
      return { attacks: shown, layers: study.layers.map((name, layer) => named(name) && judged(layer)) };
    });
  }
  function veil(view, layers) {
    const svg = view.querySelector("svg");
    all(".veil", svg).forEach((each) => each.remove());
    const [left, top, width, height] = svg.dataset.axes.split(" ").map(Number);
    const first = Number(svg.dataset.first), step = Number(svg.dataset.step);
    layers.forEach((shown, layer) => {
      if (shown) return;
      const from = Math.max(left, first + (layer - 0.5) * step), to = Math.min(left + width, first + (layer + 0.5) * step);
      svg.insertBefore(shape("rect", { class: "veil", x: from, y: top, width: to - from, height }), svg.querySelector(".guide"));
    });
  }
  function apply() {
    const choice = chosen();
    for (const element of all("[data-layer]")) element.hidden = !choice[studyOf(element)].layers[element.dataset.layer];
    for (const element of all("[data-attack]:not(.view)")) element.hidden = !choice[studyOf(element)].attacks[element.dataset.attack];
    for (const view of all(".view[data-study]")) {
      const { attacks: shown, layers } = choice[studyOf(view)];
      view.hidden = view.dataset.attack !== undefined && view.closest("figure").dataset.figure !== "references" && !shown[view.dataset.attack];
      veil(view, layers);
    }
    for (const box of curves) document.body.classList.toggle(`no-${box.value}`, !box.checked);
    const whole = choice.every((each) => each.layers.every(Boolean) && each.attacks.every(Boolean)) && curves.every((box) => box.checked);
    const counts = choice.map((each) => `${each.layers.filter(Boolean).length} of ${each.layers.length} layers, ${each.attacks.filter(Boolean).length} of ${each.attacks.length} attacks`);
    told.textContent = whole ? "" : `Shown: ${counts.join("; ")}`;
    reset.hidden = whole;
    makeReachable();
  }
  search.addEventListener("input", apply);
  for (const input of [verdict, ...attackBoxes, ...curves]) input.addEventListener("change", apply);
  none.addEventListener("click", () => {
    const on = !attackBoxes.every((box) => box.checked);
    attackBoxes.forEach((box) => { box.checked = on; });
    apply();
  });
  reset.addEventListener("click", () => {
    search.value = verdict.value = "";
    [...attackBoxes, ...curves].forEach((box) => { box.checked = true; });
    apply();
    search.focus();
  });
  document.addEventListener("click", (event) => { if (!attacks.contains(event.target)) attacks.open = false; });
  attacks.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    attacks.open = false;
    attacks.querySelector("summary").focus();
  });

  // Light and dark -----------------------------------------------------------------------------------------------
  const themes = ["auto", "light", "dark"];
  function dress(name) {
    theme.dataset.now = name;
    theme.textContent = `Theme: ${name}`;
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
  }
  theme.addEventListener("click", () => dress(themes[(themes.indexOf(theme.dataset.now) + 1) % themes.length]));
  dress("auto");

  // Sorting ------------------------------------------------------------------------------------------------------
  // The first number in a cell, what is left out last; a number below what is told sorts just below it.
  function weight(text) {
    const found = /(<|>)?\s*([+−-]?\d+(?:\.\d+)?)/.exec(text);
    if (!found) return null;
    const number = Number(found[2].replace("−", "-").replace("+", ""));
    return found[1] === "<" ? number - 1e-6 : found[1] === ">" ? number + 1e-6 : number;
  }
  const cellText = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  function sort(table, head) {
    const column = head.cellIndex, before = head.getAttribute("aria-sort");
    const after = before === "ascending" ? "descending" : before === "descending" ? null : "ascending";
    all("th[aria-sort]", table).forEach((each) => each.removeAttribute("aria-sort"));
    if (after) head.setAttribute("aria-sort", after);
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => row.cells.length > 1);
      rows.forEach((row, place) => { row.dataset.place ??= place; });
      const filled = rows.map((row) => cellText(row, column)).filter((text) => text !== "–");
      const numeric = filled.length > 0 && column > 0 && filled.every((text) => weight(text) !== null);
      const key = (row) => (numeric ? weight(cellText(row, column)) : cellText(row, column));
      const sign = after === "descending" ? -1 : 1;
      rows.sort((one, two) => {
        const a = key(one), b = key(two);
        const blank = (value) => value === null || value === "–";
        if (!after || (blank(a) && blank(b))) return one.dataset.place - two.dataset.place;
        if (blank(a) || blank(b)) return blank(a) ? 1 : -1;
        const order = numeric ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
        return sign * order || one.dataset.place - two.dataset.place;
      });
      body.append(...rows);
    }
  }
  for (const table of all("table.sortable")) {
    for (const head of all("thead th:not(.scale)", table)) {
      const button = make("button", { type: "button", title: "Sort" });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, head));
    }
  }

  // Numbers under the pointer ------------------------------------------------------------------------------------
  const bubble = make("div", { class: "bubble", role: "tooltip", hidden: "" });
  const spoken = make("div", { class: "unseen", "aria-live": "polite" });
  document.body.append(bubble, spoken);
  function rowsFor(figure, study, attack, layer, panel) {
    const about = answers.studies[study];
    if (figure === "references") return about.references[panel][layer];
    const columns = answers.figures[figure] ?? answers.columns.keys();
    return [...columns].map((column) => [answers.columns[column], about.rows[attack][layer][column]]);
  }
  function say(figure, study, attack, layer, panel, at) {
    const about = answers.studies[study];
    const where = attack < 0 ? "clean images" : about.attacks[attack];
    const rows = rowsFor(figure, study, attack, layer, panel);
    bubble.replaceChildren(make("strong", {}, make("bdi", {}, about.layers[layer])), make("div", {}, make("bdi", {}, where)),
      make("table", {}, ...rows.map(([name, value]) => make("tr", {}, make("th", {}, name), make("td", {}, value)))));
    bubble.hidden = false;
    const { width, height } = bubble.getBoundingClientRect();
    const below = at.y + 18 + height < window.innerHeight;
    bubble.style.left = `${Math.max(4, Math.min(at.x + 14, window.innerWidth - width - 8))}px`;
    bubble.style.top = `${Math.max(4, below ? at.y + 18 : at.y - height - 12)}px`;
    return `${about.layers[layer]}, ${where}: ${rows.map((pair) => pair.join(" ")).join(", ")}`;
  }
  let again = null; // Tells anew what a key has shown, as the page scrolls beneath it.
  function hush() {
    again = null;
    bubble.hidden = true;
    all(".guide").forEach((line) => line.setAttribute("visibility", "hidden"));
  }
  const leave = () => { if (!again) hush(); };
  function hold(tell) {
    const said = tell();
    again = () => hold(tell);
    return said;
  }
  for (const view of all(".view[data-study]")) {
    const svg = view.querySelector("svg"), figure = view.closest("figure").dataset.figure;
    const study = studyOf(view), attack = attackOf(view), panel = Number(view.dataset.panel);
    const [left, top, width, height] = svg.dataset.axes.split(" ").map(Number);
    const first = Number(svg.dataset.first), step = Number(svg.dataset.step), count = answers.studies[study].layers.length;
    const guide = shape("line", { class: "guide", y1: top, y2: top + height, visibility: "hidden" });
    const hit = shape("rect", { class: "hit", x: left, y: top, width, height });
    svg.append(guide, hit);
    const name = attack < 0 ? "clean images" : answers.studies[study].attacks[attack];
    view.tabIndex = 0;
    view.setAttribute("role", "group");
    view.setAttribute("aria-label", `${figure}, ${name}: left and right arrows read the layers`);
    let now = -1;
    function show(layer, at) {
      hush();
      now = Math.max(0, Math.min(count - 1, layer));
      const x = first + now * step;
      guide.setAttribute("x1", x);
      guide.setAttribute("x2", x);
      guide.setAttribute("visibility", "visible");
      const matrix = svg.getScreenCTM();
      return say(figure, study, attack, now, panel, at ?? { x: matrix.a * x + matrix.e, y: matrix.d * (top + height / 2) + matrix.f });
    }
    const locate = (event) => {
      const matrix = svg.getScreenCTM();
      show(Math.round(((event.clientX - matrix.e) / matrix.a - first) / step), { x: event.clientX, y: event.clientY });
    };
    hit.addEventListener("pointermove", locate);
    hit.addEventListener("pointerdown", locate);
    view.addEventListener("pointerleave", leave);
    view.addEventListener("blur", hush);
    view.addEventListener("keydown", (event) => {
      const open = chosen()[study].layers;
      const walk = (from, by) => { let at = from + by; while (at >= 0 && at < count && !open[at]) at += by; return at; };
      const to = { ArrowRight: () => walk(now, 1), ArrowLeft: () => walk(now < 0 ? count : now, -1), Home: () => walk(-1, 1), End: () => walk(count, -1) }[event.key];
      if (event.key === "Escape") hush();
      if (!to) return;
      event.preventDefault();
      const layer = to();
      if (layer >= 0 && layer < count) spoken.textContent = hold(() => show(layer));
    });
  }

  // The matrix of verdicts: one stop of the tab key, arrows move inside, Enter goes to the numbers -----------------
  const shownCells = (matrix) => [...matrix.tBodies[0].rows].filter((row) => !row.hidden).map((row) => [...row.cells].filter((cell) => cell.tagName === "TD" && !cell.hidden));
  function makeReachable() {
    for (const matrix of all(".matrix")) {
      const cells = shownCells(matrix).flat();
      if (cells.length && !cells.some((cell) => cell.tabIndex === 0)) cells[0].tabIndex = 0;
    }
  }
  for (const matrix of all(".matrix")) {
    const tell = (cell) => {
      const box = cell.getBoundingClientRect();
      return say("verdicts", studyOf(cell), attackOf(cell), Number(cell.dataset.layer), 0, { x: box.right - 8, y: box.bottom - 12 });
    };
    const open = (cell) => {
      const row = document.getElementById(`n-${studyOf(cell)}-${attackOf(cell)}-${cell.dataset.layer}`);
      hush();
      location.hash = row.id;
    };
    for (const cell of all("tbody td", matrix)) {
      cell.tabIndex = -1;
      all("abbr", cell).forEach((abbr) => abbr.removeAttribute("title"));
      cell.addEventListener("pointermove", () => { hush(); tell(cell); });
      cell.addEventListener("pointerleave", leave);
      cell.addEventListener("blur", hush);
      cell.addEventListener("click", () => open(cell));
    }
    matrix.addEventListener("keydown", (event) => {
      const cell = event.target.closest("td");
      if (!cell) return;
      if (event.key === "Enter") return open(cell);
      if (event.key === "Escape") return hush();
      const moves = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
      if (!moves[event.key]) return;
      event.preventDefault();
      const cells = shownCells(matrix), row = cells.findIndex((each) => each.includes(cell)), column = cells[row].indexOf(cell);
      const next = cells[row + moves[event.key][0]]?.[column + moves[event.key][1]];
      if (!next) return;
      cell.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
      spoken.textContent = hold(() => tell(next));
    });
  }
  makeReachable();
  window.addEventListener("scroll", () => (again ?? hush)(), { passive: true });

  // Where in the contents the reader is ----------------------------------------------------------------------------
  document.querySelector("nav details").open = !window.matchMedia("(max-width: 70rem)").matches;
  const links = new Map(all("nav a").map((link) => [link.getAttribute("href").slice(1), link]));
  const sections = all("section").filter((section) => links.has(section.id));
  const mark = () => {
    const here = sections.filter((section) => section.getBoundingClientRect().top < window.innerHeight / 3).at(-1) ?? sections[0];
    links.forEach((link, key) => { if (key === here.id) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current"); });
  };
  window.addEventListener("scroll", mark, { passive: true });
  mark();
})();
