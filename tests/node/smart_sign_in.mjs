// Two clients that are not ours sign in by SMART Backend Services and read: fhir-kit-client finds where, @medplum/core signs in.
// stdin: {"base": ".../fhir", "client": "...", "alg": "ES384", "kid": "...", "key": "PEM"}; stdout: what they found.
import { createSign, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MedplumClient } from '@medplum/core';
import { Client } from 'fhir-kit-client';

const given = JSON.parse(readFileSync(0, 'utf8'));
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function assertion(audience) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: given.client, sub: given.client, aud: audience, exp: now + 120, jti: randomUUID() };
  const signed = `${part({ alg: given.alg, kid: given.kid, typ: 'JWT' })}.${part(claims)}`;
  const signature = createSign('SHA384').update(signed).sign({ key: given.key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

const kit = new Client({ baseUrl: given.base });
const found = await kit.smartAuthMetadata();
const tokenUrl = String(found.tokenUrl);

const medplum = new MedplumClient({ baseUrl: given.base.replace(/fhir$/, ''), fhirUrlPath: 'fhir', tokenUrl });
let refused = '';
const used = assertion(tokenUrl);
const signIn = async () => {
  try {
    await medplum.startJwtAssertionLogin(used);
  } catch (fault) {
    refused = String(fault.message);
  }
};
await signIn();
const token = medplum.getAccessToken();
const tasks = await medplum.search('Task', { _count: '5' });

kit.bearerToken = token;
const again = await kit.search({ resourceType: 'Task', searchParams: { _count: '5' } });
let beyond = 0;
try {
  await kit.search({ resourceType: 'Observation', searchParams: {} });
} catch (fault) {
  beyond = fault.response.status;
}
const first = refused;
await signIn();
console.log(JSON.stringify({ tokenUrl, first, tasks: tasks.resourceType, again: again.resourceType, beyond, twice: refused }));
