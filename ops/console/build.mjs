// Builds what the pages load into api/console/static/vendor, once; what comes out is committed, and nothing is fetched at run time.
import { build } from "esbuild";
import { copyFile, readFile, writeFile, readdir } from "node:fs/promises";

const out = "../../api/console/static/vendor";
await build({
  entryPoints: ["editor.mjs", "map.mjs", "curves.mjs"],
  outdir: out, bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none",
});
await copyFile("node_modules/htmx.org/dist/htmx.min.js", `${out}/htmx.js`);
await copyFile("node_modules/uplot/dist/uPlot.min.css", `${out}/curves.css`);

const named = JSON.parse(await readFile("package-lock.json", "utf8")).packages;
const licences = [];
for (const [path, one] of Object.entries(named).sort()) {
  if (!path || one.dev || path.includes("esbuild")) continue;
  const files = (await readdir(path)).filter((name) => /^licen[cs]e/i.test(name));
  const text = files.length ? await readFile(`${path}/${files[0]}`, "utf8") : `Licence: ${one.license}\n`;
  licences.push(`${path.replace(/^.*node_modules\//, "")} ${one.version}\n${"-".repeat(40)}\n${text.trim()}\n`);
}
await writeFile(`${out}/LICENCES.txt`, licences.join("\n\n"));
