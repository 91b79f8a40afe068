// A sign-in that ends while somebody writes: before a form is sent it is made sure of, and what was typed stays on the page.
// The same person signs in again in a dialog; when it is somebody else, the page and what is on it are left.
import { all, one } from "./console.js";

const who = document.body.dataset.who;
const kept = document.getElementById("again-kept"); // the dialog is on the page only while somebody is asked
let dialog, form;
const headers = { "X-Cairn-Unattended": "1" };
let known = one('input[name="csrf"]')?.value ?? "";

/** Who is signed in and what their forms carry; null for nobody. Waits while there is no connection. */
async function asked() {
  for (;;) {
    try {
      const answer = await fetch("/session", { headers });
      if (answer.status === 401) return null;
      if (answer.ok) return await answer.json();
    } catch { /* no connection: again in a moment */ }
    const banner = one("#offline");
    if (banner) banner.hidden = false;
    await new Promise((again) => {
      window.addEventListener("online", again, { once: true });
      setTimeout(again, 3000);
    });
    if (banner) banner.hidden = navigator.onLine;
  }
}

/** Whether it is still the same person; then every form on the page is theirs again. */
function same(now) {
  if (now.who !== who) {
    location.assign("/");
    return false;
  }
  for (const field of all('input[name="csrf"]')) field.value = now.csrf;
  for (const element of all("[hx-headers], [hx-headers\\:inherited]")) {
    for (const name of ["hx-headers", "hx-headers:inherited"]) {
      const said = element.getAttribute(name);
      if (known && said?.includes(known)) element.setAttribute(name, said.replace(known, now.csrf));
    }
  }
  known = now.csrf;
  return true;
}

/** Asks to sign in; true once the same person has. */
let asking = null;
function signIn() {
  asking ??= new Promise((decided) => {
    document.body.append(kept.content.cloneNode(true));
    dialog = document.getElementById("again");
    form = document.getElementById("again-form");
    form.addEventListener("submit", enter);
    one("#again-elsewhere")?.addEventListener("click", elsewhere);
    dialog.addEventListener("close", () => {
      asking = null;
      decided(dialog.returnValue === "in");
      dialog.remove();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

function step(sealed, fault = "") {
  form.elements.step.value = sealed;
  const [first, second] = [one("#again-first"), one("#again-second")];
  if (first) {
    first.hidden = Boolean(sealed);
    second.hidden = !sealed;
    for (const field of all("input", first)) field.required = !sealed;
    form.elements.code.required = Boolean(sealed);
    if (sealed) form.elements.code.focus();
  }
  const said = one("#again-fault");
  said.textContent = fault;
  said.hidden = !fault;
}

async function enter(event) {
  event.preventDefault();
  try {
    const answer = await fetch("/session", { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const now = await answer.json();
    if (now.csrf) {
      if (same(now)) dialog.close("in");
    } else step(now.step ?? "", now.fault ?? "");
  } catch {
    const banner = one("#offline");
    if (banner) banner.hidden = false;
  }
}

async function elsewhere() {
  const now = await asked();
  if (now && same(now)) dialog.close("in");
}

/** The session made sure of: true where the form may be sent. */
export async function sure() {
  const now = await asked();
  return now === null ? await signIn() : same(now);
}

/** As `fetch`; a session that has ended is begun again first. `waiting` is called when somebody is asked. */
export async function sending(address, options = {}, waiting = () => {}) {
  let answer = await fetch(address, options);
  const unattended = Object.keys(options.headers ?? {}).some((name) => name.toLowerCase() === "x-cairn-unattended");
  const changes = !["GET", "HEAD"].includes((options.method ?? "GET").toUpperCase());
  if (!kept || !(answer.status === 401 || (answer.status === 403 && changes))) return answer;
  if (unattended) throw new DOMException("nobody is signed in", "AbortError");
  const before = known;
  waiting();
  if (!(answer.status === 401 ? await signIn() : await sure())) throw new DOMException("nobody is signed in", "AbortError");
  if (answer.status === 403 && before === known) return answer;
  if (options.body instanceof URLSearchParams && options.body.has("csrf")) options.body.set("csrf", known);
  for (const name of Object.keys(options.headers ?? {})) if (name.toLowerCase() === "x-cairn-form") options.headers[name] = known;
  answer = await fetch(address, options);
  return answer;
}

if (kept) {
  const htmx = "[hx-post], [hx-put], [hx-patch], [hx-delete], [hx-action]";
  document.addEventListener("submit", async (event) => {
    const sent = event.target;
    if (event.defaultPrevented || sent.method !== "post" || sent.dataset.sure || sent.matches(htmx)) return;
    if (sent.getAttribute("action") === "/sign-out") return;
    event.preventDefault();
    const go = await sure();
    delete sent.dataset.sent;
    if (!go) return;
    sent.dataset.sure = "yes";
    sent.requestSubmit(event.submitter);
    delete sent.dataset.sure;
  });
  document.addEventListener("htmx:before:request", (event) => {
    const { ctx } = event.detail;
    ctx.fetch = (address, request) => sending(address, request, () => clearTimeout(ctx.requestTimeout));
  });
}
