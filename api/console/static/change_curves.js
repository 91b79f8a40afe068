// The weeks of a forecast as curves: as it is now, and with the draft within its range.
import { all, carried, one } from "./console.js";
import { uPlot } from "./vendor/curves.js";

const weekly = carried("weekly");
const card = one(".curves");
const holder = one("#curve");
const said = one("#at");
const { before, after, week, locale } = card.dataset;
const x = weekly.weeks.map((day) => Date.parse(day) / 1000);
const days = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", timeZone: "UTC" });
const numbers = new Intl.NumberFormat(locale);
const HEIGHT = 260;
let drawn = null;
let chosen = Object.keys(weekly.measures)[0];

const token = (name) => getComputedStyle(card).getPropertyValue(name).trim();

function told(curves) {
  const n = curves.cursor.idx;
  if (n === null || n === undefined) return void (said.textContent = "");
  const { present, draft } = weekly.measures[chosen];
  said.textContent = `${week} ${days.format(x[n] * 1000)}: ${numbers.format(present[n])} → ${numbers.format(draft[n])}`;
}

function draw() {
  const { present, draft, low, high } = weekly.measures[chosen];
  const [ink, line, accent, soft, blue] = ["--soft", "--line", "--accent", "--accent-soft", "--blue"].map(token);
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "13px system-ui, sans-serif" };
  const options = {
    width: holder.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.08)] } },
    axes: [
      { ...axis, values: (_, seconds) => seconds.map((at) => days.format(at * 1000)) },
      { ...axis, size: 64, values: (_, found) => found.map((n) => numbers.format(n)) },
    ],
    series: [
      { label: week, value: (_, at) => (at === null ? "–" : days.format(at * 1000)) },
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { label: before, stroke: blue, width: 2, dash: [6, 4], points: { show: false } },
      { label: after, stroke: accent, width: 2.5, points: { show: false } },
    ],
    bands: [{ series: [2, 1], fill: soft }], // the range first, so that it hides no curve
    legend: { show: false },
    cursor: { y: false },
    hooks: { setCursor: [told] },
  };
  drawn?.destroy();
  drawn = new uPlot(options, [x, low, high, present, draft], holder);
}

for (const button of all("[data-draws]", card)) {
  button.addEventListener("click", () => {
    chosen = button.dataset.draws;
    for (const other of all("[data-draws]", card)) {
      other.setAttribute("aria-pressed", String(other === button));
      other.classList.toggle("on", other === button);
    }
    draw();
  });
}
new ResizeObserver(() => drawn?.setSize({ width: holder.clientWidth, height: HEIGHT })).observe(holder);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
holder.setAttribute("aria-hidden", "true"); // the weeks are a table beneath, for whoever does not see curves
draw();
