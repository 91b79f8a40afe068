// A clinic's day by fhir-kit-client: node day_fhir_kit_client.mjs BASE KEY PLACE PATIENT; prints what it saw as JSON.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const at = require.resolve.paths('fhir-kit-client')[0] + '/fhir-kit-client/dist/index.js';
const kit = await import(pathToFileURL(at));
const Client = kit.default ?? kit.Client;

const [base, key, place, patient] = process.argv.slice(2);
const client = new Client({ baseUrl: base, bearerToken: key });

await client.capabilityStatement();
const searchParams = { owner: `Organization/${place}`, patient: `Patient/${patient}`, status: 'requested' };
const bundle = await client.search({ resourceType: 'Task', searchParams, options: { postSearch: true } });
const found = bundle.entry.map((entry) => entry.resource);
const id = found[0].id;
const replace = (path, value) => ({ op: 'add', path, value });
const business = { coding: [{ system: 'urn:cairn:business-status', code: 'booked' }] };
const report = { type: { coding: [{ system: 'urn:cairn:said', code: 'report' }] }, valueString: 'Seen; treated.' };
const statuses = [found[0].status];
for (const jsonPatch of [
  [replace('/status', 'accepted')],
  [replace('/businessStatus', business), replace('/executionPeriod', { start: '2025-03-06' })],
  [replace('/status', 'in-progress')],
  [replace('/status', 'completed'), replace('/output', [report])],
]) {
  const patched = await client.patch({ resourceType: 'Task', id, jsonPatch });
  statuses.push(patched.status);
}

let refused = 0;
try {
  const headers = { 'If-Match': 'W/"1"' };
  await client.update({ resourceType: 'Task', id, body: found[0], options: { headers } });
} catch (error) {
  refused = error.response?.status ?? error.status;
}

const ids = [];
let page = await client.search({ resourceType: 'Task', searchParams: { status: 'completed', _count: 100 } });
let pages = 0;
while (page) {
  pages += 1;
  ids.push(...(page.entry ?? []).map((entry) => entry.resource.id));
  page = page.link.some((link) => link.relation === 'next') ? await client.nextPage({ bundle: page }) : undefined;
}
console.log(JSON.stringify({ found: found.length, id, statuses, refused, ids, pages }));
