// What the validator of npm's `fhir` finds: node validate.mjs FILE (a JSON list of resources); prints [[index, place, severity, message]].
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../node/package.json', import.meta.url));
const { Fhir } = require('fhir');

const fhir = new Fhir();
const found = JSON.parse(readFileSync(process.argv[2], 'utf-8')).flatMap((resource, n) =>
  fhir
    .validate(resource, { errorOnUnexpected: true })
    .messages.map(({ location, severity, message }) => [n, location ?? '', severity, message]),
);
console.log(JSON.stringify(found));
