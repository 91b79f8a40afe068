// What is typed into a draft and not saved is kept: in this window at once, and by the server a moment after the last key. It is
// offered when its author comes back. In between the server says who else has the draft open, and whether somebody has saved it.
import { one } from "./console.js";
import { sending } from "./session.js";

const AT_ONCE = 300, PAUSE = 2000, AGAIN = 5000, SPEAKS = 20_000; // milliseconds
const who = document.body.dataset.who;
const clock = (at) => new Date(at).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });
const hex = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** A sentence of `words` with its gaps filled. */
export const told = (sentence, gaps) => sentence.replace(/\{(\w+)\}/g, (_, name) => gaps[name] ?? "");
export const now = () => clock(Date.now());

/**
 * Keeps what `text()` gives while `dirty()`. `heard`: called with what the server says of the draft; `say`: shows one of `words`
 * (kept, alone) with a time; `restore`: puts a text that was kept in this window back; `held`: the text that the server keeps;
 * `read`: whose value is the edit on which the text stands.
 */
export function keeping({ here, form, text, dirty, heard, say, restore, held = null, read = one('[name="read"]', form) }) {
  const place = `kept ${here} text`;
  const field = one('[name="window"]', form);
  field.value ||= hex();
  let local = 0, remote = 0, told = false; // whether the server may keep a text

  const stored = () => {
    try {
      return JSON.parse(sessionStorage.getItem(place));
    } catch {
      return null;
    }
  };
  function hold() {
    try {
      sessionStorage.setItem(place, JSON.stringify({ who, text: text(), read: read.value, at: Date.now() }));
    } catch { /* full, or forbidden: the server keeps it in a moment */ }
  }

  const fields = (more) => new URLSearchParams({ csrf: one('[name="csrf"]', form).value, window: field.value, read: read.value, ...more });
  const headers = { accept: "application/json" };

  async function keep() {
    clearTimeout(remote);
    if (!dirty()) return;
    const sent = text(), before = read.value;
    told = true;
    try {
      const answer = await sending(`${here}/here`, { method: "POST", body: fields({ do: "typed", text: sent }), headers });
      if (!answer.ok) throw new Error(String(answer.status));
      held = sent;
      if (text() === sent) {
        sessionStorage.removeItem(place);
        if (dirty()) say("kept", now());
      }
      heard(await answer.json(), before);
    } catch (lost) {
      if (lost.name === "AbortError") return;
      if (dirty()) say("alone", now());
      remote = setTimeout(keep, AGAIN);
    }
  }

  async function speak() {
    const before = read.value;
    try {
      const answer = await fetch(`${here}/here`, { method: "POST", body: fields({ do: "" }), headers: { ...headers, "X-Cairn-Unattended": "1" } });
      if (answer.ok) heard(await answer.json(), before);
    } catch { /* no connection: it is asked again soon */ }
  }

  setInterval(speak, SPEAKS);
  window.addEventListener("focus", speak);
  window.addEventListener("pageshow", (event) => { if (event.persisted) speak(); });
  window.addEventListener("online", () => { if (dirty() && held !== text()) keep(); });
  window.addEventListener("pagehide", () => navigator.sendBeacon(`${here}/here`, fields({ do: "leave" })));

  const kept = stored();
  if (kept?.who === who && kept.text !== text()) offer(kept);
  else sessionStorage.removeItem(place);
  speak();

  /** What this window kept and the server never got. */
  function offer({ text: typed, read: then, at }) {
    one("#offer")?.remove();
    const notice = document.getElementById("keeping").content.querySelector(".kept-offer").cloneNode(true);
    one("time", notice).textContent = clock(at);
    one(".back", notice).addEventListener("click", () => {
      notice.remove();
      read.value = then; // where somebody has saved since, saving shows both texts
      restore(typed);
    });
    one(".away", notice).addEventListener("click", () => {
      sessionStorage.removeItem(place);
      notice.remove();
    });
    (one("[data-workbench]") ?? form).before(notice);
  }

  return {
    /** Something was typed. */
    changed() {
      clearTimeout(local);
      clearTimeout(remote);
      if (!dirty()) {
        sessionStorage.removeItem(place);
        if (told) fetch(`${here}/here`, { method: "POST", body: fields({ do: "forget" }), headers }).catch(() => {});
        [told, held] = [false, null];
        return;
      }
      local = setTimeout(hold, AT_ONCE);
      remote = setTimeout(keep, PAUSE);
    },
    /** It is the draft's text now. */
    saved() {
      clearTimeout(local);
      clearTimeout(remote);
      sessionStorage.removeItem(place);
      [told, held] = [false, null];
    },
    /** Whether leaving now loses nothing. */
    safe: () => held === text(),
  };
}
