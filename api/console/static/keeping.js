// A lost connection loses nothing: a form marked data-keeps is kept in this tab while it is written, sent by itself when the
// connection is back, and offered again after a reload. One form is stored once, however often it was sent (its field `once`).
// Kept in sessionStorage only: it ends with the tab, at sign-out, when it is saved, and when somebody else signs in.
import { all, one } from "./console.js";
import { sending } from "./session.js";

const OWN = ["csrf", "once", "read"];
const AGAIN = [2000, 5000, 10_000, 20_000]; // milliseconds between tries; the browser's own word comes first
const PREFIX = "kept ";
const who = document.body.dataset.who;

const address = (form) => new URL(form.getAttribute("action") || location.href, location.href);
const placeOf = (form) =>
  `${PREFIX}${address(form).pathname} ${form.dataset.keeps ?? ""} ${form.querySelector("[name=key]")?.value ?? ""}`;
const typed = (form) =>
  [...new FormData(form)].filter(([name, value]) => !OWN.includes(name) && typeof value === "string" && !secret(form, name));
const secret = (form, name) => form.elements[name]?.type === "password";
const once = (form) => form.querySelector("[name=once]");

function read(place) {
  try {
    return JSON.parse(sessionStorage.getItem(place));
  } catch {
    return null;
  }
}

function write(place, kept) {
  try {
    sessionStorage.setItem(place, JSON.stringify(kept));
  } catch { /* full, or forbidden: the form still stands on the page */ }
}

const places = () => Object.keys(sessionStorage).filter((place) => place.startsWith(PREFIX));
/** What is typed on this page is kept nowhere any more. */
export function forgetAll() {
  for (const place of places()) sessionStorage.removeItem(place);
}

const empty = new WeakMap(); // by form: its fields when it was shown

function keep(form, more = {}) {
  write(placeOf(form), { who, fields: typed(form), once: once(form)?.value, at: Date.now(), ...more });
}

function words(name) {
  return document.getElementById("keeping").content.querySelector(`.${name}`).cloneNode(true);
}

/** Forms that came onto the page: what was typed into them before is offered. */
export function offers(root = document) {
  for (const form of all("form[data-keeps]", root)) {
    empty.set(form, JSON.stringify(typed(form)));
    const place = placeOf(form);
    const kept = read(place);
    if (!kept) continue;
    if (kept.native) write(place, { ...kept, native: false });
    if (JSON.stringify(kept.fields) === empty.get(form)) continue;
    const offer = words("kept-offer");
    one("time", offer).textContent = new Date(kept.at).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });
    one(".back", offer).addEventListener("click", () => {
      fill(form, kept);
      offer.remove();
    });
    one(".away", offer).addEventListener("click", () => {
      sessionStorage.removeItem(place);
      offer.remove();
    });
    form.before(offer);
  }
}

function fill(form, kept) {
  const wanted = new Map();
  for (const [name, value] of kept.fields) wanted.set(name, [...(wanted.get(name) ?? []), value]);
  for (const control of form.elements) {
    if (!control.name || OWN.includes(control.name) || ["file", "password", "submit", "button"].includes(control.type)) continue;
    const values = wanted.get(control.name) ?? [];
    if (["radio", "checkbox"].includes(control.type)) control.checked = values.includes(control.value);
    else if (control.type === "hidden") continue;
    else control.value = values.shift() ?? "";
  }
  if (kept.sent && kept.once && once(form)) once(form).value = kept.once; // it may have arrived: then it is the same one
  form.dispatchEvent(new Event("input", { bubbles: true }));
  form.dispatchEvent(new Event("restored", { bubbles: true }));
  form.querySelector("input:not([type=hidden]), select, textarea")?.focus();
}

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("form[data-keeps]") ?? event.target.form;
  if (!form?.matches?.("form[data-keeps]") || form.dataset.sending) return;
  if (JSON.stringify(typed(form)) === empty.get(form)) sessionStorage.removeItem(placeOf(form));
  else keep(form, { sent: read(placeOf(form))?.sent });
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (new URL(form.getAttribute("action") || "", location.href).pathname === "/sign-out") forgetAll();
  if (!form.matches("form[data-keeps]") || form.method !== "post" || event.submitter?.hasAttribute("formaction")) return;
  event.preventDefault();
  if (!form.dataset.sending) send(form, event.submitter);
}, true);

async function send(form, submitter) {
  form.dataset.sending = "yes";
  form.setAttribute("aria-busy", "true");
  keep(form, { sent: true });
  for (let tries = 0; ; tries += 1) {
    let answer = null;
    try {
      const body = new URLSearchParams(new FormData(form, submitter));
      answer = await sending(address(form), { method: "POST", body, headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(60_000) });
    } catch (lost) {
      if (lost.name === "AbortError") return stop(form); // nobody signed in again: it waits on the page
    }
    if (answer && ![502, 503, 504].includes(answer.status)) return answered(form, submitter, answer);
    if (!(await connected(form, AGAIN[Math.min(tries, AGAIN.length - 1)]))) return stop(form);
  }
}

/** Waits for the connection, or a while; false where somebody would rather change what they wrote. */
function connected(form, most) {
  const notice = words("kept-waits");
  form.before(notice);
  form.inert = true;
  one(".now", notice).focus();
  return new Promise((go) => {
    const on = () => end(true);
    const later = setTimeout(on, most);
    const end = (again) => {
      clearTimeout(later);
      window.removeEventListener("online", on);
      notice.remove();
      form.inert = false;
      go(again);
    };
    window.addEventListener("online", on);
    one(".now", notice).addEventListener("click", on);
    one(".change", notice).addEventListener("click", () => end(false));
  });
}

function stop(form) {
  delete form.dataset.sending;
  form.removeAttribute("aria-busy");
}

function answered(form, submitter, answer) {
  const place = placeOf(form);
  const to = answer.headers.get("HX-Redirect") ?? (answer.redirected ? answer.url : null);
  if (to !== null || answer.ok) {
    sessionStorage.removeItem(place);
    location.assign(to ?? address(form));
    return;
  }
  // Refused, so that nothing is stored: sent once more as a browser does, for the page that says what is wrong.
  keep(form, { native: true });
  if (submitter?.name) {
    const chosen = Object.assign(document.createElement("input"), { type: "hidden", name: submitter.name, value: submitter.value });
    form.append(chosen);
  }
  HTMLFormElement.prototype.submit.call(form);
}

if (who) {
  for (const place of places()) if (read(place)?.who !== who) sessionStorage.removeItem(place);
  const here = all("form[data-keeps]").map(placeOf);
  for (const place of places()) if (read(place)?.native && !here.includes(place)) sessionStorage.removeItem(place);
  offers();
}
window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of all("form[data-sending]")) stop(form);
});
