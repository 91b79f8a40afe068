// The inbox says politely what came, keeps the count in the title, and goes to another place as soon as it is chosen.
import { one } from "./console.js";

document.addEventListener("htmx:after:swap", () => {
  const heap = document.getElementById("heap");
  if (!heap) return;
  document.title = heap.dataset.title;
  const news = document.getElementById("news");
  if (heap.dataset.heard && news) news.textContent = heap.dataset.heard;
});
// Whoever comes back to this window sees how it stands now.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && document.getElementById("heap")) document.body.dispatchEvent(new Event("heard"));
});
one("#place")?.addEventListener("change", (event) => event.target.form.requestSubmit());
