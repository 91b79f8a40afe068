// Two texts of one draft beside each other: what was saved meanwhile, and one's own, into which the other may be taken over.
import { carried, one } from "./console.js";
import { keeping } from "./pathways_kept.js";
import { EditorState, EditorView, MergeView, basicSetup, classHighlighter, syntaxHighlighting, yaml } from "./vendor/editor.js";

const place = one("#merge"), area = one("#text");
const look = [EditorView.cspNonce.of(place.dataset.nonce), basicSetup, yaml(), syntaxHighlighting(classHighlighter), EditorView.lineWrapping, EditorState.phrases.of(carried("phrases"))];
const named = (label) => EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" });
const arrow = () => {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "quiet small", textContent: "→", title: place.dataset.take });
  button.setAttribute("aria-label", place.dataset.take);
  return button;
};
const view = new MergeView({
  a: { doc: carried("theirs"), extensions: [...look, named(place.dataset.theirs), EditorState.readOnly.of(true)] },
  b: {
    doc: area.value,
    extensions: [...look, named(place.dataset.mine), EditorView.updateListener.of((update) => { if (update.docChanged) changed(update.state.doc.toString()); })],
  },
  parent: place, revertControls: "a-to-b", renderRevertControl: arrow, collapseUnchanged: { margin: 3, minSize: 6 },
});
area.hidden = true;
one(".two-sides").hidden = false;
one("#differ").hidden = true; // the same, without a script
place.dataset.ready = "yes";
let leaving = false;
const form = one("#draft");
const kept = keeping({
  here: form.getAttribute("action"), form, text: () => area.value, dirty: () => true, heard: () => {}, say: () => {}, held: area.value,
  read: { value: place.dataset.began }, // until it is saved it is a text of that edit: whoever comes back sees both again
  restore: (typed) => view.b.dispatch({ changes: { from: 0, to: view.b.state.doc.length, insert: typed } }),
});
function changed(text) {
  area.value = text;
  kept.changed();
}
form.addEventListener("submit", () => { leaving = true; });
one("#throw").addEventListener("submit", () => {
  leaving = true;
  kept.saved();
});
window.addEventListener("beforeunload", (event) => { if (!leaving && !kept.safe()) event.preventDefault(); });
