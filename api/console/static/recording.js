// Recording by keyboard: what cannot be true and what is surprising is said at the field, and what saving will do beside it.
// Everything here works for forms that come later, too (a dialog); the server holds the same limits, and decides.
import { all, one } from "./console.js";
import { sending } from "./session.js";

const number = (field) => {
  const written = field.value.trim().replace(",", ".");
  return written === "" ? null : Number(written);
};
const question = (field) => document.getElementById(`q-${field.name}`);

/** What is said of a number: [text, whether it cannot be]. */
function remark(field) {
  const value = number(field);
  const { low, high, cannot, askBelow, askAbove, more, less, lowerThan, swapped } = field.dataset;
  if (value === null) return ["", false];
  if (Number.isNaN(value) || (low !== undefined && (value < Number(low) || value > Number(high)))) return [cannot ?? "", true];
  if (lowerThan) {
    const above = field.form.elements[lowerThan];
    const other = above ? number(above) : null;
    if (other !== null && value >= other) return [swapped, false];
  }
  if (askAbove !== undefined && value > Number(askAbove)) return [more.replace("{}", field.value.trim()), false];
  if (askBelow !== undefined && value < Number(askBelow)) return [less.replace("{}", field.value.trim()), false];
  return ["", false];
}

function ask(field) {
  const [text, wrong] = remark(field);
  const said = question(field);
  if (said) {
    said.textContent = text;
    said.classList.toggle("cannot", wrong);
  }
  if (wrong) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.matches?.("[data-number]")) ask(field);
  if (field.matches?.("[name=outcome]")) when(field.form);
});
document.addEventListener("input", (event) => {
  const field = event.target;
  if (field.matches?.("[data-number]") && question(field)?.textContent) ask(field); // it is answered as soon as it is put right
  const choice = field.closest?.(".choices");
  if (choice && field.checked) {
    for (const box of all("input", choice)) if (("none" in box.dataset) !== ("none" in field.dataset)) box.checked = false;
  }
});
document.addEventListener("restored", (event) => {
  for (const field of all("[data-number]", event.target)) ask(field);
  when(event.target);
});

// A call: what comes after "reached" is shown when it was.
export function when(form) {
  const outcome = form.elements.outcome?.value;
  for (const part of all("[data-when]", form)) part.hidden = part.dataset.when !== outcome;
}
for (const form of all("form")) if (one("[data-when]", form)) when(form);

// Enter goes to the next number, the arrows count, Ctrl and Enter saves, n says no to all that nobody has answered.
function next(field) {
  const fields = all("[data-number]", field.form).filter((other) => other.checkVisibility());
  const [after, rest] = [fields[fields.indexOf(field) + 1], one("#rest", field.form)];
  (after ?? (rest?.checkVisibility() ? rest : null) ?? one("button:not([type=button])", field.form))?.focus();
}

function count(field, by) {
  const step = Number(field.dataset.step ?? 1) * by;
  const from = number(field) ?? (Number(field.dataset.askAbove) + Number(field.dataset.askBelow)) / 2;
  if (!Number.isFinite(from)) return;
  field.value = String(Math.round((from + step) * 10) / 10);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("keydown", (event) => {
  const field = event.target;
  const form = field.form ?? one("#recording");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form?.matches("#recording, #calling")) {
    event.preventDefault();
    form.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const isNumber = field.matches?.("[data-number]");
  if (isNumber && event.key === "Enter") next(field);
  else if (isNumber && event.key === "ArrowUp") count(field, 1);
  else if (isNumber && event.key === "ArrowDown") count(field, -1);
  else if (event.key === "n" && one("#rest")?.checkVisibility() && (isNumber || !field.closest?.("input:not([type=radio], [type=checkbox]), select, textarea"))) one("#rest").click();
  else return;
  event.preventDefault();
});

const recording = one("#recording");
const rest = one("#rest");
if (recording && rest && one("[data-asked]", recording)) {
  rest.hidden = false;
  rest.addEventListener("click", () => {
    for (const group of all("[data-asked]", recording)) {
      const boxes = all("input", group);
      const no = boxes.find((box) => box.value === "no" || box.value === "-none");
      if (no && !("optional" in no.dataset) && !boxes.some((box) => box.checked)) no.checked = true;
    }
    recording.dispatchEvent(new Event("input", { bubbles: true }));
    one("#save").focus();
  });
}
if (recording && !one("#faults")) one("[data-number], input:not([type=hidden])", recording)?.focus();

// What saving will do, as it is typed: never in the way, and only the latest answer counts.
const outcome = one("#outcome");
if (recording && outcome) {
  let waiting = 0;
  let asking = null;
  const look = async () => {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    try {
      const body = new URLSearchParams(new FormData(recording));
      const answer = await sending(outcome.dataset.asks, { method: "POST", body, headers: { "HX-Request": "true" }, signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (!signal.aborted) outcome.innerHTML = text;
      outcome.removeAttribute("aria-busy");
    } catch {
      if (!signal.aborted) outcome.setAttribute("aria-busy", "true"); // it is no more what was typed; it may be saved all the same
    }
  };
  const soon = () => {
    clearTimeout(waiting);
    if (navigator.onLine) waiting = setTimeout(look, 250);
  };
  recording.addEventListener("input", soon);
  window.addEventListener("online", soon);
  if (new FormData(recording).values().some((value) => value) && one("#faults")) look();
}
