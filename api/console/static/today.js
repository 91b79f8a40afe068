// The day's list by keyboard: one line is where the focus is; a key records, calls, puts off. What others do shows by itself.
import { all, one } from "./console.js";
import { offers } from "./keeping.js";
import { when } from "./recording.js";

const lines = () => all("[data-line]");
const stops = () => all("[data-line], #more a, [data-waits]"); // where the lines end are links to more
const main = (line) => one("[data-does=o]", line) ?? line;
const current = () => document.activeElement?.closest?.("[data-line]");
const typing = (element) => element?.closest?.("input, select, textarea, [contenteditable]");

function go(line) {
  if (!line) return;
  main(line).focus();
  line.scrollIntoView({ block: "nearest" });
}

function move(by) {
  const found = stops();
  const at = found.findIndex((stop) => stop.contains(document.activeElement));
  if (by > 0 && lines().length - at < 4) one("#more a")?.click(); // the next ones come before they are reached
  go(found[Math.max(0, Math.min(found.length - 1, at < 0 ? 0 : at + by))]);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
  if (one("dialog[open]")) return;
  const line = current();
  const free = line || document.activeElement === document.body || document.activeElement?.id === "main";
  if (event.key === "j" || (event.key === "ArrowDown" && free)) move(1);
  else if (event.key === "k" || (event.key === "ArrowUp" && free)) move(-1);
  else if ("rcpotd".includes(event.key) && event.key.length === 1) {
    const meant = line ?? lines()[0];
    const link = meant && one(`[data-does=${"td".includes(event.key) ? "p" : event.key}]`, meant);
    const instead = meant && event.key === "p" ? one("[data-does=c]", meant) : null; // a visit is put off by agreeing another day
    const does = link ?? instead;
    if (!does) return;
    if ("dialog" in does.dataset) open(does, event.key);
    else does.click();
  } else return;
  event.preventDefault();
});
for (const button of all(".keys-here")) button.hidden = false;

// Where they were: the next line after something was saved, the same one otherwise.
const PLACE = "today line";
function remember(line) {
  const found = lines();
  const at = found.indexOf(line);
  sessionStorage.setItem(PLACE, JSON.stringify({ self: line.id, next: found[at + 1]?.id, at }));
}
document.addEventListener("click", (event) => {
  const line = event.target.closest?.("[data-line]");
  if (line && event.target.closest("a")) remember(line);
  const link = event.target.closest?.("a[data-dialog]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  open(link, link.dataset.does);
});
const place = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
if (place) {
  sessionStorage.removeItem(PLACE);
  const saved = one("main > .notice");
  const [self, next] = [document.getElementById(place.self), document.getElementById(place.next ?? "")];
  go(saved ? (next ?? lines()[Math.min(place.at, lines().length - 1)]) : (self ?? next));
}

// Whoever types on before the dialog is there means the dialog, not the line beneath it.
let opening = false;
document.addEventListener("keydown", (event) => {
  if (opening) event.preventDefault();
}, true);

/** A page over the list: calling, or a task. Without a connection, or signed out, the link goes where it goes. */
async function open(link, key) {
  const line = link.closest("[data-line]");
  if (line) remember(line);
  let answer = null;
  opening = true;
  try {
    answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
  } catch { /* as a link */ }
  opening = false;
  if (!answer?.ok) {
    location.assign(link.href);
    return;
  }
  const into = document.getElementById("dialogs");
  into.innerHTML = await answer.text();
  const dialog = one("dialog", into);
  for (const form of all("form", dialog)) if (one("[data-when]", form)) when(form);
  dialog.addEventListener("close", () => {
    into.replaceChildren();
    sessionStorage.removeItem(PLACE);
    if (line) go(document.getElementById(line.id));
    if (late) refresh();
  });
  dialog.showModal();
  offers(dialog);
  one({ c: "[name=outcome]", d: "[data-does=d]", t: "[data-does=t]" }[key] ?? "[data-first]", dialog)?.focus();
}

// What others of the team do: a word from the server, then the list as it is now. Nobody is disturbed who writes in a dialog.
const list = one("#worklist");
const AT_MOST = 10_000; // milliseconds between two looks
let late = false;
let looked = -AT_MOST;
let soon = 0;

function changed() {
  late = true;
  clearTimeout(soon);
  soon = setTimeout(refresh, Math.max(150, looked + AT_MOST - performance.now()));
}

async function refresh() {
  if (one("dialog[open]") || document.hidden) return;
  late = false;
  looked = performance.now();
  const address = new URL(location.href);
  address.searchParams.delete("saved");
  if (lines().length > list.dataset.atOnce) address.searchParams.set("whole", "yes");
  try {
    const answer = await fetch(address, { headers: { "X-Cairn-Unattended": "1" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("worklist");
    const [at, does] = [current(), document.activeElement?.dataset?.does];
    if (!fresh || fresh.innerText === list.innerText) return;
    const index = lines().indexOf(at);
    list.innerHTML = fresh.innerHTML;
    window.htmx?.process(list);
    if (at) {
      const same = document.getElementById(at.id);
      if (same) (one(`[data-does=${does ?? "o"}]`, same) ?? main(same)).focus();
      else go(lines()[Math.min(index, lines().length - 1)]);
    }
    const said = one("#somebody");
    said.textContent = said.dataset.says;
  } catch { /* at the next word */ }
}

let listening = null;
async function listen() {
  listening?.abort();
  if (document.hidden || !list) return;
  listening = new AbortController();
  const { signal } = listening;
  for (let first = true; !signal.aborted; ) {
    try {
      const address = `/today/changes?team=${encodeURIComponent(list.dataset.team)}`;
      const answer = await fetch(address, { headers: { "X-Cairn-Unattended": "1" }, signal });
      if (!answer.ok) return;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let said = await reader.read(); !said.done; said = await reader.read()) {
        if (!said.value.includes("changed")) continue;
        if (!first) changed();
        first = false; // it begins with a word of how things stand, which the page has just shown
      }
    } catch {
      if (signal.aborted) return;
    }
    await new Promise((again) => setTimeout(again, 5000));
  }
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden) listening?.abort();
  else {
    if (late) refresh();
    listen();
  }
});
window.addEventListener("pagehide", () => listening?.abort());
if (list) listen();

one("#team")?.addEventListener("change", (event) => event.target.form.requestSubmit());
for (const link of all("[data-prints]")) {
  link.addEventListener("click", (event) => {
    if (one("#more")) return; // the whole of it is loaded first; then it is printed from there
    event.preventDefault();
    window.print();
  });
}
