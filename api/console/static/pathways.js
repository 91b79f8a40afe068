// A tab of a pathway, wherever it is shown: texts in the language that is chosen, and the map, drawn where somebody looks at it.
import { all, one } from "./console.js";

/** What a tab does once it is on the page. */
export function settle(panel) {
  const languages = all("[data-language][aria-pressed]", panel);
  for (const button of languages) button.addEventListener("click", () => speak(panel, button.dataset.language));
  const spoken = languages.find((button) => button.getAttribute("aria-pressed") === "true");
  if (spoken) speak(panel, spoken.dataset.language);
  const map = one("[data-map]", panel);
  if (map) draw(map, panel);
}

function speak(panel, language) {
  panel.dataset.speaks = language;
  for (const button of all("[data-language][aria-pressed]", panel)) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  for (const text of all("article[data-language]", panel)) text.hidden = text.dataset.language !== language;
}

async function draw(map, panel) {
  const data = JSON.parse(one("[data-map-data]", panel).textContent);
  const { drawn } = await import("./pathways_map.js");
  if (!map.isConnected) return;
  map.hidden = false;
  drawn(map, data);
  const list = one(".map-list", panel);
  if (list) list.open = false;
}

const looks = one("[data-looks]");
if (looks) settle(looks);
