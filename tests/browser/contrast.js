// [is it light?, and the least contrast of words, of labels on buffers, of buffers' edges]
(() => {
  const bright = (colour) => {
    const [r, g, b] = colour.match(/[\d.]+/g).map(Number).map((c) => c / 255)
      .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const fill = (e) => bright(getComputedStyle(e).fill);
  const least = { words: 99, labels: 99, edges: 99 };
  const ground = fill(document.querySelector("rect.ground"));
  const paper = fill(document.querySelector("rect.paper"));
  for (const text of document.querySelectorAll("text")) {
    const group = text.closest(".words");
    if (group) {
      const buffer = document.getElementById(group.id.replace("words", "buffer"));
      const body = buffer.querySelector(".body");
      least.labels = Math.min(least.labels, ratio(fill(text), fill(body)));
    } else least.words = Math.min(least.words, ratio(fill(text), paper));
  }
  for (const body of document.querySelectorAll(".buffer .body")) {
    least.edges = Math.min(least.edges, ratio(bright(getComputedStyle(body).stroke), ground));
  }
  return [paper > 0.5, least.words, least.labels, least.edges];
})()
