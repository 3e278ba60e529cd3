// what a reader would see wrong in a drawing: boxes outside, words over words, words outside boxes
(() => {
  const faults = [];
  const svgs = [...document.querySelectorAll("svg.mcuforge-plan")].filter((s) => s.querySelector("text"));
  const corners = (element) => {
    const box = element.getBBox(), matrix = element.getScreenCTM();
    return [[box.x, box.y], [box.x + box.width, box.y], [box.x + box.width, box.y + box.height], [box.x, box.y + box.height]]
      .map(([x, y]) => new DOMPoint(x, y).matrixTransform(matrix));
  };
  const shrunk = (points, by) => {
    const x = points.reduce((s, p) => s + p.x, 0) / 4, y = points.reduce((s, p) => s + p.y, 0) / 4;
    return points.map((p) => ({ x: p.x + (x - p.x) * by, y: p.y + (y - p.y) * by }));
  };
  const apart = (a, b) => {
    for (const points of [a, b]) {
      for (let i = 0; i < 4; i++) {
        const p = points[i], q = points[(i + 1) % 4], nx = q.y - p.y, ny = p.x - q.x;
        const on = (list) => list.map((r) => r.x * nx + r.y * ny);
        const [m, n] = [on(a), on(b)];
        if (Math.max(...m) <= Math.min(...n) || Math.max(...n) <= Math.min(...m)) return true;
      }
    }
    return false;
  };
  let texts = 0, boxes = 0;
  for (const svg of svgs) {
    const frame = svg.getBoundingClientRect();
    const inside = (points) => points.every((p) => p.x >= frame.left - 1 && p.x <= frame.right + 1 && p.y >= frame.top - 1 && p.y <= frame.bottom + 1);
    const words = [...svg.querySelectorAll("text")].map((t) => [t.textContent, shrunk(corners(t), 0.12), t]);
    texts += words.length;
    for (const [said, points] of words) if (!inside(points)) faults.push(`outside: ${said}`);
    for (const rect of svg.querySelectorAll("rect")) {
      if (rect.closest("defs")) continue;
      boxes += 1;
      if (!inside(corners(rect))) faults.push(`outside: a box of ${rect.parentElement.id}`);
      if (rect.getBBox().width <= 0) faults.push(`no width: ${rect.parentElement.id}`);
    }
    words.forEach(([a, p], i) => words.slice(i + 1).forEach(([b, q]) => {
      if (!apart(p, q)) faults.push(`${a} over ${b}`);
    }));
    for (const group of svg.querySelectorAll(".words")) {
      const body = svg.querySelector(`#${group.id.replace("words", "buffer")} > .body`).getBoundingClientRect();
      for (const text of group.querySelectorAll("text")) {
        for (const p of shrunk(corners(text), 0.12)) {
          if (p.x < body.left || p.x > body.right || p.y < body.top || p.y > body.bottom) {
            faults.push(`beyond its box: ${text.textContent}`);
            break;
          }
        }
      }
    }
  }
  return { faults, texts, boxes };
})()
