// A draft in its editor: wrong places marked as one types, what it means beside it, tables that are edited as tables, and saving.
// The text in the editor is the one truth: a table's cell is written into it by the server, and drawn from it again.
import { all, carried, one } from "./console.js";
import { settle } from "./pathways.js";
import { keeping, now, told as worded } from "./pathways_kept.js";
import { completing } from "./pathways_completion.js";
import { sending } from "./session.js";
import {
  EditorState, EditorView, autocompletion, basicSetup, classHighlighter, indentWithTab, keymap, lintGutter, setDiagnostics, syntaxHighlighting, yaml,
} from "./vendor/editor.js";

const PAUSE = 350; // milliseconds without a key before the text is looked at
const AGAIN = 2500; // until it is asked again where many texts are being checked
const SAVE_AGAIN = 5000; // until saving is tried again where there is no connection
const bench = one("[data-workbench]");
const form = one("#draft"), area = one("#text"), panel = one("#panel"), problems = one("#problems"), state = one("#state");
const words = carried("editor-words");
const { here, nonce, schema: schemaAt } = bench.dataset;
const edits = bench.dataset.edits === "yes";
const known = { schema: null, names: {} };
let tab = bench.dataset.tab, saved = area.value, asked = 0, timer = 0, stopping = null, leaving = false, drawn = "", told = "", filled = "", saving = false, again = 0;
if (bench.dataset.typed === "yes") saved = null;

const view = new EditorView({
  parent: one("#editor"),
  state: EditorState.create({
    doc: area.value,
    extensions: [
      EditorView.cspNonce.of(nonce),
      basicSetup, yaml(), syntaxHighlighting(classHighlighter), lintGutter(),
      autocompletion({ override: [completing(() => known)] }),
      EditorView.lineWrapping, EditorState.phrases.of(carried("phrases")),
      EditorView.contentAttributes.of({ "aria-label": words.label, id: "code", tabindex: "0" }),
      EditorState.readOnly.of(!edits),
      keymap.of([{ key: "Mod-s", preventDefault: true, run: () => { if (edits) save(); return true; } }, indentWithTab]),
      EditorView.updateListener.of((update) => { if (update.docChanged) changed(); }),
    ],
  }),
});
area.hidden = true;
area.setAttribute("aria-hidden", "true");
const text = () => view.state.doc.toString();
const dirty = () => edits && text() !== saved;

document.addEventListener("keydown", (event) => {
  if (edits && (event.ctrlKey || event.metaKey) && event.key === "s" && !event.defaultPrevented) {
    event.preventDefault();
    save();
  }
});
window.addEventListener("beforeunload", (event) => { if (dirty() && !leaving && !kept.safe()) event.preventDefault(); });

// --- looking: the last answer wins
function changed() {
  area.value = text();
  state.textContent = dirty() ? words.unsaved : "";
  kept?.changed();
  clearTimeout(timer);
  timer = setTimeout(look, PAUSE);
}

/** Sends as the page's own form would; the session is made sure of first where it has ended. */
const post = (path, fields, signal) => sending(here + path, {
  method: "POST", body: new URLSearchParams(fields), headers: { "x-cairn-form": one('[name="csrf"]', form).value, accept: "application/json" }, signal,
});

async function look() {
  clearTimeout(timer);
  const number = ++asked;
  stopping?.abort();
  stopping = new AbortController();
  bench.setAttribute("aria-busy", "true");
  try {
    const answer = edits ? await post("/look", { text: text(), show: tab }, stopping.signal) : await fetch(`${here}/look?show=${tab}`, { signal: stopping.signal });
    if (!answer.ok) throw new Error(String(answer.status));
    const found = await answer.json();
    if (number !== asked) return;
    if (found.busy) {
      timer = setTimeout(look, AGAIN);
      return;
    }
    show(found);
  } catch (failed) {
    if (failed.name !== "AbortError") state.textContent = words.away;
  } finally {
    if (number === asked) bench.removeAttribute("aria-busy");
  }
}

function show(found) {
  known.names = Object.keys(found.names).length ? found.names : known.names;
  view.dispatch(setDiagnostics(view.state, found.diagnostics.map(placed)));
  if (found.problems !== told) {
    const number = all("button", problems).indexOf(document.activeElement);
    problems.innerHTML = told = found.problems;
    if (number >= 0) (all("button", problems)[number] ?? one("#problems-region")).focus();
  }
  bench.dataset.checked = found.clean ? "clean" : "errors";
  const tally = one('[data-tab="scenarios"]', bench);
  tally.classList.toggle("bad", Boolean(found.scenarios.red));
  if (!writingInPanel()) draw(found);
}

/** A problem at its place; as long as the word there. */
function placed({ line, column, severity, what, remedy }) {
  const at = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
  const from = Math.min(at.from + column - 1, at.to);
  const word = /^[^\s,{}[\]]+/.exec(at.text.slice(from - at.from));
  return { from, to: Math.min(from + (word ? word[0].length : 1), view.state.doc.length), severity, message: `${what}${document.documentElement.lang.startsWith("zh") ? "；" : "; "}${remedy}` };
}

/** A year and a map need the whole text to be sound: until it is again, what was drawn last stays, and says so. */
function draw(found) {
  if (found.stale && drawn === tab) {
    if (!one("[data-stale]", panel)) {
      const said = document.createElement("p");
      Object.assign(said, { className: "warn", textContent: words.stale });
      said.dataset.stale = "";
      panel.prepend(said);
    }
    filled = "";
    return;
  }
  drawn = found.stale ? "" : tab;
  fill(found.panel);
}

function fill(html) {
  if (html === filled) return;
  filled = html;
  const focused = panel.contains(document.activeElement) ? whereIs(document.activeElement) : null;
  const scrolled = all(".scrolls", panel).map((one) => one.scrollLeft);
  const spoken = panel.dataset.speaks;
  panel.innerHTML = html;
  all(".scrolls", panel).forEach((one, number) => { one.scrollLeft = scrolled[number] ?? 0; });
  settle(panel);
  if (spoken) one(`button[data-language="${spoken}"]`, panel)?.click();
  if (focused) one(focused, panel)?.focus();
}

// --- going to a place
const go = (line, column = 1) => {
  const at = view.state.doc.line(Math.min(line, view.state.doc.lines));
  const anchor = Math.min(at.from + column - 1, at.to);
  view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
  view.focus();
};
bench.addEventListener("click", (event) => {
  const goes = event.target.closest("button.goes");
  if (goes) go(Number(goes.dataset.line), Number(goes.dataset.column ?? 1));
  const link = event.target.closest("a[data-tab]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    tab = link.dataset.tab;
    for (const other of all("a[data-tab]", bench)) other.toggleAttribute("aria-current", false);
    link.setAttribute("aria-current", "true");
    one('[name="show"]', form).value = tab;
    look();
  }
});

const alone = one("[data-alone]", bench);
alone.hidden = false;
alone.addEventListener("click", () => {
  const wide = bench.classList.toggle("alone");
  alone.setAttribute("aria-pressed", String(wide));
  if (tab === "map") look();
});

// --- tables
const whereIs = (element) => {
  const table = element.closest?.("[data-table]"), row = element.closest?.("[data-row]");
  if (!table || !row) return null;
  const what = element.dataset.cell ? `[data-cell="${CSS.escape(element.dataset.cell)}"]` : `[data-do="${element.dataset.do}"]`;
  return `[data-table="${CSS.escape(table.dataset.table)}"] [data-row="${row.dataset.row}"] ${what}`;
};
const writingInPanel = () => {
  const cell = document.activeElement?.closest?.("#panel textarea[data-cell]");
  return Boolean(cell) && cell.value !== cell.defaultValue;
};
panel.addEventListener("change", (event) => {
  const cell = event.target.closest("[data-cell]");
  if (cell) rewrite(cell, { do: "set", cell: cell.dataset.cell, value: cell.value });
});
panel.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) rewrite(button, { do: button.dataset.do });
});
panel.addEventListener("keydown", (event) => {
  const cell = event.target.closest("textarea[data-cell]");
  if (!cell || event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    if (cell.value !== cell.defaultValue) rewrite(cell, { do: "set", cell: cell.dataset.cell, value: cell.value });
  } else if (event.key === "Escape") cell.value = cell.defaultValue;
});

async function rewrite(element, change) {
  const table = element.closest("[data-table]").dataset.table, row = element.closest("[data-row]").dataset.row;
  if (element.dataset.cell && "defaultValue" in element) element.defaultValue = element.value;
  const before = text();
  const refusal = one("[data-table-refused]", panel);
  try {
    const answer = await post("/table", { text: before, table, row, ...change });
    const made = await answer.json();
    if (text() !== before) return rewrite(element, change); // somebody typed meanwhile: into what is there now
    if (refusal) {
      refusal.textContent = made.refused ?? made.detail ?? "";
      refusal.hidden = !refusal.textContent;
    }
    if (made.text === undefined) return undefined;
    replace(before, made.text);
    return look();
  } catch {
    state.textContent = words.away;
  }
  return undefined;
}

/** Only what differs is replaced, so that undoing, and the place of the cursor, stay what they were. */
function replace(before, after) {
  let from = 0, back = 0;
  while (from < before.length && from < after.length && before[from] === after[from]) from += 1;
  while (back < before.length - from && back < after.length - from && before.at(-1 - back) === after.at(-1 - back)) back += 1;
  const insert = after.slice(from, after.length - back);
  view.dispatch({ changes: { from, to: before.length - back, insert }, effects: EditorView.scrollIntoView(from, { y: "center" }), userEvent: "input.table" });
}

// --- saving
async function save() {
  clearTimeout(again);
  again = 0;
  if (saving) return;
  saving = true;
  state.textContent = words.saving;
  const sent = text();
  try {
    const read = one('[name="read"]', form);
    const answer = await post("", { text: sent, read: read.value, window: one('[name="window"]', form).value, do: "save", show: tab });
    if (!answer.ok) return natively();
    const said = await answer.json();
    read.value = said.read;
    saved = sent;
    one("#standing").innerHTML = said.standing;
    one("#taken-back")?.remove();
    one("#offer")?.remove();
    one("#newer").hidden = true;
    if (dirty()) kept.changed();
    else kept.saved();
    state.textContent = said.said || (dirty() ? words.unsaved : worded(words.saved, { time: now() }));
  } catch (lost) {
    if (lost.name === "AbortError") state.textContent = words.unsaved; // nobody signed in again
    else {
      state.textContent = words.waits;
      again = setTimeout(save, SAVE_AGAIN);
    }
  } finally {
    saving = false;
  }
  return undefined;
}
window.addEventListener("online", () => { if (again) save(); });

// --- nothing is lost, and nobody writes over what they have not seen
const kept = edits ? keeping({
  here, form, text, dirty, heard,
  say: (word, time) => { if (!again) state.textContent = worded(words[word], { time }); },
  restore: (typed) => replace(text(), typed),
}) : null;

/** `before`: the edit that this window had read when it asked. */
function heard(said, before) {
  const read = one('[name="read"]', form);
  if (saving || read.value !== before || said.closed) return;
  if (one("#others").innerHTML !== said.others) one("#others").innerHTML = said.others;
  if (said.read === before) {
    one("#standing").innerHTML = said.standing;
    return;
  }
  const who = said.who || words.somebody;
  if (dirty()) {
    const notice = one("#newer");
    one("p", notice).textContent = worded(words.newer, { who });
    notice.hidden = false;
    return;
  }
  [read.value, saved] = [said.read, said.text];
  one("#standing").innerHTML = said.standing;
  replace(text(), said.text);
  state.textContent = worded(words.theirs, { who });
}
one("#newer button").addEventListener("click", natively);

/** As a browser without a script would: whatever keeps it from being saved comes as a page, with all that was typed. */
function natively() {
  leaving = true;
  area.value = text();
  const what = document.createElement("input");
  Object.assign(what, { type: "hidden", name: "do", value: "save" });
  form.append(what);
  form.submit();
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  delete form.dataset.sent;
  if (event.submitter?.value === "check") look();
  else save();
});

const meant = /^#L(\d+)$/.exec(location.hash);
if (meant) go(Number(meant[1]));

bench.dataset.ready = "yes";
fetch(schemaAt).then((answer) => answer.json()).then((read) => { known.schema = read; });
look();
