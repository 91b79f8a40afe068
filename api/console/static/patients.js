// A person's page: curves with their bands, drawn when they arrive, and drawn anew in the colours of another theme.
import { all, one } from "./console.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const drawn = new Map();

function ground(band, index) {
  // The band that the plan aims at, behind the curves; a limit that is no aim is a broken line.
  return (plot) => {
    const { ctx, bbox } = plot;
    const at = (value) => plot.valToPos(value, "y", true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    if (band.aim) {
      const top = band.high == null ? bbox.top : at(band.high);
      const bottom = band.low == null ? bbox.top + bbox.height : at(band.low);
      ctx.globalAlpha = index ? 0.45 : 0.75;
      ctx.fillStyle = colour("--green-soft");
      ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
      ctx.globalAlpha = 1;
    }
    ctx.strokeStyle = colour(band.aim ? "--green" : "--red");
    ctx.setLineDash([6, 5]);
    for (const edge of [band.low, band.high]) {
      if (edge == null) continue;
      ctx.beginPath();
      ctx.moveTo(bbox.left, at(edge));
      ctx.lineTo(bbox.left + bbox.width, at(edge));
      ctx.stroke();
    }
    ctx.restore();
  };
}

async function draw(box) {
  const { uPlot } = await import("./vendor/curves.js");
  const told = JSON.parse(box.dataset.curves);
  const days = told.days.map((day) => Date.parse(`${day}T12:00:00Z`) / 1000);
  const lines = ["--accent", "--blue", "--yellow"];
  const said = one("output.at", box.parentElement);
  const language = document.documentElement.lang;
  const written = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" });
  const close = days.at(-1) - days[0] < 150 * 86400;
  const month = new Intl.DateTimeFormat(language, close ? { day: "numeric", month: "short", timeZone: "UTC" } : { month: "short", year: "numeric", timeZone: "UTC" });
  const edges = told.bands.flatMap((band) => [band.low, band.high]).filter((edge) => edge != null);
  const values = told.values.flat().filter((value) => value != null);
  const near = edges.filter((edge) => edge <= Math.max(...values) * 1.35 && edge >= Math.min(...values) * 0.65);
  const [low, high] = [Math.min(...values, ...near), Math.max(...values, ...near)];
  const room = (high - low || high || 1) * 0.12;
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "14px system-ui, sans-serif" };
  drawn.get(box)?.destroy();
  box.replaceChildren();
  drawn.set(box, new uPlot({
    width: box.clientWidth, height: 210, legend: { show: false }, cursor: { drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: [low - room, high + room] } },
    axes: [{ ...axis, space: 90, values: (_, splits) => splits.map((at) => month.format(at * 1000)) }, { ...axis, size: 52 }],
    series: [{}, ...told.values.map((_, n) => ({ stroke: colour(lines[n]), width: 2.5, dash: n ? [7, 4] : [], spanGaps: true, points: { size: 8, fill: colour("--card"), stroke: colour(lines[n]), width: 2 } }))],
    hooks: {
      drawClear: told.bands.filter((band) => band.low != null || band.high != null).map(ground),
      setCursor: [(plot) => {
        const at = plot.cursor.idx;
        said.textContent = at == null ? "" : `${written.format(days[at] * 1000)}: ${told.values.map((line) => line[at] ?? "–").join(" / ")} ${told.unit}`;
      }],
    },
  }, [days, ...told.values], box));
}

const undrawn = () => all("[data-curves]").filter((box) => !drawn.has(box)).forEach(draw);
document.addEventListener("htmx:after:swap", (event) => {
  undrawn();
  for (const part of all('section.part[aria-busy="true"]')) if (!one("p > a[href$='/" + part.id + "']", part)) part.removeAttribute("aria-busy");
  const talk = one("#messages .talk");
  if (talk && !talk.dataset.shown) { talk.dataset.shown = "yes"; talk.scrollTop = talk.scrollHeight; }
  void event;
});
undrawn();
const again = () => [...drawn.keys()].filter((box) => box.isConnected).forEach(draw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
let wide = window.innerWidth;
window.addEventListener("resize", () => { if (window.innerWidth !== wide) { wide = window.innerWidth; again(); } });
document.addEventListener("click", (event) => { if (event.target.closest?.("[data-prints]")) window.print(); });
// "Show what it will do": with a script it is shown in place, as at every change.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-previews]");
  if (!button) return;
  event.preventDefault();
  button.form.dispatchEvent(new Event("change", { bubbles: true }));
});
