"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const picture = byId("picture"), plot = byId("plot"), axis = byId("axis");
  const tip = byId("tip"), details = byId("details"), filter = byId("filter"), found = byId("found");
  const body = document.querySelector("#buffers tbody");
  const rows = [...body.rows];
  const shapes = [...plot.querySelectorAll(".buffer")];
  const rowOf = new Map(rows.map((row) => [`buffer-${row.dataset.buffer}`, row]));
  const facts = new Map();
  let current = null;

  // the browser's own tooltip gives way to ours; readers of the screen keep the words
  for (const group of plot.querySelectorAll(".buffer, .overlap")) {
    const title = group.querySelector("title");
    facts.set(group, title.textContent);
    if (group.classList.contains("buffer")) {
      group.setAttribute("aria-label", title.textContent);
      group.setAttribute("tabindex", "-1");
    }
    title.remove();
  }
  if (shapes.length) shapes[0].setAttribute("tabindex", "0");

  function showTip(group, x, y) {
    tip.textContent = facts.get(group);
    tip.hidden = false;
    const room = 14, box = tip.getBoundingClientRect();
    const left = x + room + box.width > innerWidth ? x - room - box.width : x + room;
    const top = y + room + box.height > innerHeight ? y - room - box.height : y + room;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  }
  const hideTip = () => { tip.hidden = true; };

  function choose(shape) {
    for (const other of document.querySelectorAll(".chosen")) other.classList.remove("chosen");
    for (const other of shapes) other.setAttribute("tabindex", other === shape ? "0" : "-1");
    current = shape;
    shape.classList.add("chosen");
    rowOf.get(shape.id).classList.add("chosen");
    details.textContent = facts.get(shape);
  }

  plot.addEventListener("pointermove", (event) => {
    const group = event.target.closest(".buffer, .overlap");
    if (group) showTip(group, event.clientX, event.clientY); else hideTip();
  });
  plot.addEventListener("pointerleave", hideTip);
  plot.addEventListener("click", (event) => {
    const shape = event.target.closest(".buffer");
    if (shape) shape.focus();
  });
  // on the frame: an SVG that listens for focus would be a stop of the Tab key itself
  picture.addEventListener("focusin", (event) => {
    const shape = event.target.closest(".buffer");
    if (!shape) return;
    choose(shape);
    const box = shape.getBoundingClientRect();
    showTip(shape, Math.min(box.right, innerWidth), Math.min(Math.max(box.top, 0), innerHeight));
  });
  picture.addEventListener("focusout", hideTip);
  picture.addEventListener("scroll", hideTip);

  const shown = () => shapes.filter((shape) => !shape.classList.contains("dim"));
  function go(to) {
    const there = shown();
    if (!there.length) return;
    const at = there.indexOf(current);
    const next = { first: 0, last: there.length - 1, next: at + 1, previous: at < 0 ? 0 : at - 1 }[to];
    const shape = there[Math.min(Math.max(next, 0), there.length - 1)];
    shape.focus({ preventScroll: true });
    shape.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  // zoom: both drawings keep their coordinates and change their size
  const size = { width: plot.width.baseVal.value, height: plot.height.baseVal.value, axis: axis.width.baseVal.value };
  let zoom = 1;
  function setZoom(wanted, x) {
    const before = zoom, at = x ?? picture.clientWidth / 2;
    zoom = Math.min(Math.max(wanted, 0.1), 8);
    const middle = (picture.scrollLeft + at - size.axis * before) / before;
    for (const [svg, width] of [[plot, size.width], [axis, size.axis]]) {
      svg.setAttribute("width", width * zoom);
      svg.setAttribute("height", size.height * zoom);
    }
    picture.scrollLeft = middle * zoom + size.axis * zoom - at;
    hideTip();
  }
  const fit = () => setZoom(picture.clientWidth / (size.width + size.axis));
  const zooms = { out: () => setZoom(zoom / 1.25), in: () => setZoom(zoom * 1.25), fit, full: () => setZoom(1) };
  for (const [id, act] of Object.entries(zooms)) byId(id).addEventListener("click", act);
  picture.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    setZoom(zoom * (event.deltaY < 0 ? 1.15 : 1 / 1.15), event.clientX - picture.getBoundingClientRect().left);
  }, { passive: false });
  const keys = {
    ArrowRight: () => go("next"), ArrowDown: () => go("next"),
    ArrowLeft: () => go("previous"), ArrowUp: () => go("previous"),
    Home: () => go("first"), End: () => go("last"),
    "+": zooms.in, "=": zooms.in, "-": zooms.out, 0: fit, 1: zooms.full,
    Escape: hideTip,
  };
  picture.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  function applyFilter() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const kept = words.every((word) => text.includes(word));
      count += kept;
      row.hidden = !kept;
      const shape = byId(`buffer-${row.dataset.buffer}`);
      shape.classList.toggle("dim", !kept);
      byId(`words-${row.dataset.buffer}`)?.classList.toggle("dim", !kept);
    }
    found.textContent = words.length ? `${count} of ${rows.length} buffers` : "";
  }
  filter.addEventListener("input", applyFilter);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== filter) {
      event.preventDefault();
      filter.focus();
    }
  });

  const heads = [...document.querySelectorAll("#buffers thead th")];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const number = head.classList.contains("number");
    const key = (row) => (number ? +row.cells[column].dataset.key : row.cells[column].textContent);
    const compare = number
      ? (a, b) => key(a) - key(b)
      : (a, b) => key(a).localeCompare(key(b), undefined, { numeric: true });
    body.append(...[...rows].sort((a, b) => (up ? compare(a, b) : compare(b, a))));
  }));
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    const shape = row && byId(`buffer-${row.dataset.buffer}`);
    if (!shape) return;
    choose(shape);
    shape.scrollIntoView({ block: "nearest", inline: "center" });
  });
})();
