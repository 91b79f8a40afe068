// The supervisor's page: printing it.
import { all } from "./console.js";

for (const button of all("[data-prints]")) button.addEventListener("click", () => window.print());
