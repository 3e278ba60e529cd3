"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const { points, finalists } = JSON.parse(byId("facts").textContent);
  const frame = byId("plots"), tip = byId("tip"), details = byId("details"), theme = byId("theme");
  const NEAR = 16; // px on the screen: a point so near is the one that is pointed at
  const number = (value) => value.toLocaleString("en-US");

  function facts(index) {
    const [method, seed, accuracy, ram, flash, instructions, genome, letter] = points[index];
    const lines = [
      `${method}, seed ${seed}: ${(100 * accuracy).toFixed(1)} %${letter ? ` (finalist ${letter})` : ""}`,
      `RAM ${number(ram)} bytes, flash ${number(flash)} bytes, ${number(instructions)} instructions`,
      `architecture ${genome}`,
    ];
    if (letter) lines.push(finalists[letter]);
    return lines.join("\n");
  }

  // each plot: its points in the order of their cost, with their places in the drawing
  const plots = [...frame.querySelectorAll("svg[data-plot]")].map((svg) => {
    const marks = [...svg.querySelectorAll(".points")].flatMap((path) => {
      const places = path.getAttribute("d").slice(1).split("L");
      const { style, points: indices } = path.dataset;
      return indices.split(" ").map((index, i) => {
        const [x, y] = places[i].split(" ").map(Number);
        return { index: +index, x, y, style };
      });
    });
    marks.sort((a, b) => a.x - b.x || b.y - a.y);
    let best = Infinity;
    for (const mark of marks) {
      mark.front = mark.y < best;
      best = Math.min(best, mark.y);
    }
    return { svg, marks, cursor: svg.parentNode.querySelector(".cursor") };
  });
  const shown = (plot) => plot.marks.filter((mark) => !frame.classList.contains(`hide-${mark.style}`));
  let current = -1;

  // one network is marked in all three plots
  function choose(index) {
    current = index;
    for (const { marks, cursor } of plots) {
      const mark = marks.find((one) => one.index === index);
      cursor.toggleAttribute("hidden", !mark);
      if (!mark) continue;
      cursor.setAttribute("cx", mark.x);
      cursor.setAttribute("cy", mark.y);
    }
    if (index >= 0) {
      details.textContent = facts(index);
      details.classList.add("chosen");
    }
  }

  function showTip(index, x, y) {
    tip.textContent = facts(index);
    tip.hidden = false;
    const room = 14, box = tip.getBoundingClientRect();
    const left = x + room + box.width > innerWidth ? x - room - box.width : x + room;
    const top = y + room + box.height > innerHeight ? y - room - box.height : y + room;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  }
  const hideTip = () => { tip.hidden = true; };
  const onScreen = (plot, mark) => new DOMPoint(mark.x, mark.y).matrixTransform(plot.svg.getScreenCTM());

  function nearest(plot, event) {
    const matrix = plot.svg.getScreenCTM();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    let found = null, least = NEAR / matrix.a;
    for (const mark of shown(plot)) {
      const far = Math.hypot(mark.x - at.x, mark.y - at.y);
      if (far < least) [found, least] = [mark, far];
    }
    return found;
  }

  for (const plot of plots) {
    const point = (event) => {
      const mark = nearest(plot, event);
      if (!mark) { hideTip(); return; }
      if (mark.index !== current) choose(mark.index);
      const at = onScreen(plot, mark);
      showTip(mark.index, at.x, at.y);
    };
    plot.svg.addEventListener("pointermove", point);
    plot.svg.addEventListener("pointerdown", point);
    plot.svg.addEventListener("pointerleave", hideTip);
    plot.svg.addEventListener("blur", hideTip);

    const go = (step, among) => {
      const marks = shown(plot).filter(among);
      if (!marks.length) return;
      const here = plot.marks.find((mark) => mark.index === current);
      const last = marks.length - 1, place = marks.indexOf(here);
      // from a point that is not among them: to the next one in that direction
      const after = here ? marks.filter((mark) => mark.x <= here.x).length : 0;
      const next = place >= 0 ? place + step : step > 0 ? after : after - 1;
      const mark = marks[Math.min(Math.max(next, 0), last)];
      choose(mark.index);
      const at = onScreen(plot, mark);
      showTip(mark.index, at.x, at.y);
    };
    const all = () => true, front = (mark) => mark.front;
    const keys = {
      ArrowRight: () => go(1, all), ArrowLeft: () => go(-1, all),
      ArrowUp: () => go(1, front), ArrowDown: () => go(-1, front),
      Home: () => go(-Infinity, all), End: () => go(Infinity, all),
      Escape: hideTip,
    };
    plot.svg.addEventListener("keydown", (event) => {
      const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  for (const button of frame.querySelectorAll(".toggle")) {
    button.addEventListener("click", () => {
      const hide = button.getAttribute("aria-pressed") === "true";
      for (const same of frame.querySelectorAll(`.toggle[data-style="${button.dataset.style}"]`)) {
        same.setAttribute("aria-pressed", String(!hide));
      }
      frame.classList.toggle(`hide-${button.dataset.style}`, hide);
      const plot = plots[0];
      if (hide && current >= 0 && plot && !shown(plot).some((mark) => mark.index === current)) choose(-1);
    });
  }

  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => { theme.textContent = isDark() ? "light" : "dark"; };
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  theme.hidden = false;
  name();
})();
