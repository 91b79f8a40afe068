// What every page does: keys, dialogs, notices that pass, and whether there is a connection.
// A page's own script imports from here; nothing here knows any page.

/** The first element that matches, within `root`. */
export const one = (selector, root = document) => root.querySelector(selector);
/** All elements that match. */
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Data that the page carries for a script: `<script type="application/json" id="...">`. */
export function carried(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : null;
}

const typing = (element) => element?.closest?.("input, select, textarea, [contenteditable], .cm-editor");

// A key: the element that says so (data-key) is clicked, or begins to be written in.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const meant = all("[data-key]").find((element) => element.dataset.key === event.key && element.checkVisibility());
  if (!meant) return;
  event.preventDefault();
  if (typing(meant)) meant.focus();
  else meant.click();
});

// A dialog: opened by what names it (data-opens="id"), closed by data-closes or Escape; the focus goes back to where it was.
document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener) {
    event.preventDefault();
    document.getElementById(opener.dataset.opens)?.showModal();
    return;
  }
  const closer = event.target.closest?.("[data-closes]");
  if (closer) {
    event.preventDefault();
    closer.closest("dialog")?.close();
  }
  for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of all("details.menu[open]")) {
    menu.open = false;
    one("summary", menu).focus();
  }
});

// A form that is sent is not sent again by an impatient second click.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of all("form[data-sent]")) delete form.dataset.sent;
});

// A short conversation shows its newest words.
const newest = () => { for (const talk of all(".talk.short")) talk.scrollTop = talk.scrollHeight; };
newest();
for (const event of ["htmx:after:swap", "toggle"]) document.addEventListener(event, newest, true);

// What was wrong is read first.
one("#faults")?.focus();

const offline = document.getElementById("offline");
const connection = () => { if (offline) offline.hidden = navigator.onLine; };
window.addEventListener("online", connection);
window.addEventListener("offline", connection);
connection();
