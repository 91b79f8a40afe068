// Services, the tables they ask, the rows in their order, what each concludes and what follows, from left to right.
// cytoscape would make a style element of its own, which the page's policy refuses, unless it finds one by this name.
if (!document.getElementById("__________cytoscape_stylesheet")) {
  const there = document.createElement("span");
  there.id = "__________cytoscape_stylesheet";
  there.hidden = true;
  document.body.append(there);
}
const { cytoscape } = await import("./vendor/map.js");

const SHAPES = { service: "round-rectangle", home: "round-rectangle", table: "rectangle", row: "rectangle", decision: "round-rectangle" };
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
/** How high a box must be for its label: wide signs take about twice the room. */
const high = (label, width, least) => {
  let lines = 1, left = width;
  for (const word of label.split(/(?<=\s)|(?<=[\u2e80-\uffef])/)) {
    const needs = [...word].reduce((sum, sign) => sum + (sign > "\u2e80" ? 17.5 : 9.3), 0);
    if (needs > left && left < width) {
      lines += 1;
      left = width;
    }
    left -= needs;
  }
  return Math.max(least, lines * 21 + 14);
};
const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** How boxes and lines look, by the tokens of the theme. */
function styles() {
  const ink = token("ink"), line = token("line"), card = token("card"), field = token("field-line");
  const tones = { red: ["red", "red-soft"], yellow: ["yellow", "yellow-soft"], green: ["green", "green-soft"] };
  const tone = (tag, which) => token((tones[tag] ?? ["blue", "blue-soft"])[which]);
  return [
    { selector: "node", style: {
      label: "data(label)", color: ink, "font-family": "system-ui, sans-serif", "font-size": 17, "text-wrap": "wrap", "text-max-width": 178,
      "text-valign": "center", width: 190, height: (node) => high(node.data("label"), 178, 50), shape: (node) => SHAPES[node.data("kind")] ?? "round-rectangle",
      "background-color": card, "border-width": 1.5, "border-color": field } },
    { selector: "node[kind='service'], node[kind='home']", style: { "background-color": token("accent-soft"), "border-color": token("accent") } },
    { selector: "node[kind='row']", style: { width: 140, height: 36 } },
    { selector: "node[kind='refer'], node[kind='task'], node[kind='send'], node[kind='alert']", style: { "border-style": "dashed", width: 210, height: (node) => high(node.data("label"), 198, 50), "text-max-width": 198 } },
    { selector: "node[kind='row'], node[kind='decision']", style: {
      "background-color": (node) => tone(node.data("tag"), 1), "border-color": (node) => tone(node.data("tag"), 0), color: ink } },
    { selector: "edge", style: { width: 1.4, "line-color": field, "curve-style": "bezier", "target-arrow-shape": "triangle", "target-arrow-color": field, opacity: 0.7 } },
    { selector: ".dim", style: { opacity: 0.15 } },
    { selector: "core", style: { "active-bg-opacity": 0, "selection-box-color": line } },
  ];
}

/** Draws `data` (nodes, edges by id) into `element`, with buttons that make it larger and smaller. */
export function drawn(element, data) {
  const graph = cytoscape({
    container: element,
    elements: [
      ...data.nodes.map((node) => ({ data: { ...node, label: cut(node.label, 60) } })),
      ...data.edges.map(([source, target]) => ({ data: { source, target } })),
    ],
    style: styles(),
    layout: { name: "dagre", rankDir: "LR", nodeSep: 12, rankSep: 70, animate: false },
    userZoomingEnabled: false, autoungrabify: true, boxSelectionEnabled: false, minZoom: 0.1, maxZoom: 2,
  });
  graph.on("tap", "node", ({ target }) => {
    const near = target.union(target.successors()).union(target.predecessors());
    graph.elements().addClass("dim");
    near.removeClass("dim");
  });
  graph.on("tap", (event) => { if (event.target === graph) graph.elements().removeClass("dim"); });
  // As wide as there is room, from the top: what lies below is reached by dragging.
  const box = graph.elements().boundingBox();
  const zoom = Math.min(1, (element.clientWidth - 24) / box.w);
  graph.viewport({ zoom, pan: { x: 12 - box.x1 * zoom, y: 12 - box.y1 * zoom } });
  element.style.height = `${Math.min(Math.max(box.h * zoom + 24, 240), 900)}px`;
  graph.resize();
  const size = (by) => graph.zoom({ level: graph.zoom() * by, renderedPosition: { x: element.clientWidth / 2, y: element.clientHeight / 2 } });
  for (const button of element.parentElement.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => (button.dataset.zoom === "fit" ? graph.fit(undefined, 12) : size(button.dataset.zoom === "in" ? 1.3 : 1 / 1.3)));
  }
  const tools = element.parentElement.querySelector("[data-map-tools]");
  if (tools) tools.hidden = false;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (element.isConnected) graph.style(styles()); });
  return graph;
}
