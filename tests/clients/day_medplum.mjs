// A clinic's day by @medplum/core: node day_medplum.mjs BASE KEY PLACE PATIENT; prints what it saw as JSON.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const { MedplumClient } = require('@medplum/core');

const [base, key, place, patient] = process.argv.slice(2);
const client = new MedplumClient({ baseUrl: base.replace(/fhir$/, ''), fhirUrlPath: 'fhir', fetch, cacheTime: 0 });
client.setAccessToken(key);

const found = await client.searchResources('Task', {
  owner: `Organization/${place}`,
  patient: `Patient/${patient}`,
  status: 'requested',
});
const id = found[0].id;
const replace = (path, value) => ({ op: 'add', path, value });
const business = { coding: [{ system: 'urn:cairn:business-status', code: 'booked' }] };
const report = { type: { coding: [{ system: 'urn:cairn:said', code: 'report' }] }, valueString: 'Seen; treated.' };
const statuses = [found[0].status];
let version = found[0].meta.versionId;
const patch = async (...operations) => {
  const test = { op: 'test', path: '/meta/versionId', value: version };
  const patched = await client.patchResource('Task', id, [test, ...operations]);
  statuses.push(patched.status);
  version = patched.meta.versionId;
};
await patch(replace('/status', 'accepted'));
await patch(replace('/businessStatus', business), replace('/executionPeriod', { start: '2025-03-06' }));
const begun = await client.updateResource({ ...(await client.readResource('Task', id)), status: 'in-progress' });
statuses.push(begun.status);
version = begun.meta.versionId;
await patch(replace('/status', 'completed'), replace('/output', [report]));

let refused = '';
try {
  const stale = { op: 'test', path: '/meta/versionId', value: '1' };
  await client.patchResource('Task', id, [stale, replace('/status', 'accepted')]);
} catch (error) {
  refused = error.outcome.issue[0].code === 'conflict' ? 412 : error.outcome; // it keeps no status
}

const ids = [];
let pages = 0;
for await (const page of client.searchResourcePages('Task', { status: 'completed', _count: 100 })) {
  pages += 1;
  ids.push(...page.map((task) => task.id));
}
const batch = await client.executeBatch({
  resourceType: 'Bundle',
  type: 'batch',
  entry: [{ request: { method: 'GET', url: `Task/${id}` } }, { request: { method: 'GET', url: 'Task/no-such' } }],
});
const together = batch.entry.map((entry) => Number.parseInt(entry.response.status));
console.log(JSON.stringify({ found: found.length, id, statuses, refused, ids, pages, together }));
process.exit(0);
