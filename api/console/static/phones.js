// A phone shows its last text, as phones do, and the list is looked through as one types.
import { all, one } from "./console.js";

const down = () => {
  const talk = document.getElementById("talk");
  if (talk) talk.scrollTop = talk.scrollHeight;
};
const look = () => {
  const wanted = (one("#f-phone")?.value ?? "").trim().toLowerCase();
  for (const line of all(".phone-list li")) line.hidden = !line.textContent.toLowerCase().includes(wanted);
};
let before = one("#talk")?.childElementCount;
document.addEventListener("htmx:after:swap", () => {
  look();
  const now = one("#talk")?.childElementCount;
  if (now !== before) down();
  before = now;
});
document.addEventListener("htmx:after:request", (event) => {
  const form = event.target;
  if (form.id === "write") form.reset();
});
document.addEventListener("input", (event) => {
  if (event.target.id === "f-phone") look();
});
down();
