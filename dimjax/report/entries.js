// The entries of a gallery: filtered, sorted, and drawn a screen at a time.
"use strict";
(() => {
  const { entries, ratio } = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const PAGE = 60; // entries that are added when the end of the list comes into view
  const LATER = ["F2", "F3", "F4"]; // there the target is elsewhere
  const SVG = "http://www.w3.org/2000/svg";
  let shown = [];
  let drawn = 0;

  const sequences = [...new Set(entries.map((entry) => entry.sequence))].sort();
  byId("sequence").append(...sequences.map((name) => new Option(name, name)));

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function makeSvg(tag, attributes) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  /** Draw the marks over all tiles but those of later frames. */
  function marksOf({ tiles, size: [height, width], lines }) {
    const side = width / tiles.length;
    const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, class: "marks crops" });
    tiles.forEach((name, k) => {
      if (LATER.includes(name)) return;
      const tile = makeSvg("svg", { x: k * side, width: side, height });
      for (const [kind, path] of lines) tile.append(makeSvg("path", { class: kind, d: path }));
      svg.append(tile);
    });
    return svg;
  }

  function captionOf({ kind, category, sequence, frame, x, y, score, ratio: value, note }) {
    const parts = [`${kind}: ${category}`];
    if (value !== null) parts.push(`${ratio} ${value.toFixed(1)}`);
    if (score !== null) parts.push(`score ${score.toFixed(2)}`);
    const link = make("a", {
      href: `player.html#${encodeURIComponent(sequence)}/${frame}`, textContent: `${sequence}, frame ${frame}`,
    });
    const hasPlayer = document.querySelector('a[href="player.html"]');
    const place = hasPlayer ? link : link.textContent;
    const rest = [`x ${x.toFixed(1)} y ${y.toFixed(1)} px`, ...(note ? [note] : [])].join("; ");
    return make("figcaption", {}, make("b", { textContent: parts.join(", ") }), make("br"), place, `; ${rest}`);
  }

  function figureOf(entry) {
    const [height, width] = entry.size;
    const heads = make("div", { className: "tiles" }, ...entry.tiles.map((name) => make("span", { textContent: name })));
    const image = make("img", { loading: "lazy", src: entry.file, width, height, alt: `${entry.kind} in ${entry.sequence}` });
    return make("figure", { className: "entry" }, heads, make("div", { className: "strip" }, image, marksOf(entry)), captionOf(entry));
  }

  function compare(key) {
    const sign = key.startsWith("-") ? -1 : 1;
    const name = key.replace("-", "");
    if (name === "sequence") return (a, b) => a.sequence.localeCompare(b.sequence) || a.frame - b.frame;
    // Entries without the number come last, in either order.
    return (a, b) => (a[name] === null) - (b[name] === null) || sign * (a[name] - b[name]);
  }

  function more() {
    byId("entries").append(...shown.slice(drawn, drawn + PAGE).map(figureOf));
    drawn = Math.min(shown.length, drawn + PAGE);
  }

  function update() {
    const wanted = ["kind", "category", "sequence"].map((id) => [id, byId(id).value]);
    shown = entries.filter((entry) => wanted.every(([id, value]) => !value || entry[id] === value));
    if (byId("order").value) shown.sort(compare(byId("order").value));
    byId("entries").replaceChildren();
    drawn = 0;
    more();
    observer.unobserve(end);
    observer.observe(end);
    byId("count").textContent = `${shown.length} of ${entries.length}`;
  }

  byId("filter").addEventListener("change", update);
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  byId("marks").addEventListener("change", () => document.body.classList.toggle("unmarked", !byId("marks").checked));
  const end = make("div", {});
  byId("entries").after(end);
  const observer = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting || drawn === shown.length) return;
    more();
    observer.unobserve(end); // observed anew, it reports again if it is still in view
    observer.observe(end);
  }, { rootMargin: "800px" });
  observer.observe(end);
  addEventListener("beforeprint", () => {
    while (drawn < shown.length) more();
  });
  update();
})();
