// Two texts of one draft beside each other: what was saved meanwhile, and one's own, into which the other may be taken over.
import { carried, one } from "./console.js";
import { EditorState, EditorView, MergeView, basicSetup, classHighlighter, syntaxHighlighting, yaml } from "./vendor/editor.js";

const place = one("#merge"), area = one("#text");
const look = [EditorView.cspNonce.of(place.dataset.nonce), basicSetup, yaml(), syntaxHighlighting(classHighlighter), EditorView.lineWrapping];
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
    extensions: [...look, named(place.dataset.mine), EditorView.updateListener.of((update) => { if (update.docChanged) area.value = update.state.doc.toString(); })],
  },
  parent: place, revertControls: "a-to-b", renderRevertControl: arrow, collapseUnchanged: { margin: 3, minSize: 6 },
});
area.hidden = true;
one("#differ").hidden = true; // the same, without a script
place.dataset.ready = "yes";
const first = area.value;
let leaving = false;
one("#draft").addEventListener("submit", () => { leaving = true; });
window.addEventListener("beforeunload", (event) => { if (!leaving && view.b.state.doc.toString() !== first) event.preventDefault(); });
