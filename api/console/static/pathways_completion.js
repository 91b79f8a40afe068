// What may stand where the cursor is: keys and values by the language's schema, and the names that the document itself defines.

const NAMED = {
  then: "decisions", decision: "decisions", decide: "tables", home_readings: "tables", send: "messages", sent: "messages", collects: "readings",
  row: "rows", tag: "tags", service: "services",
};
const KEYED = { visit: "readings", home: "readings", known: "readings", readings: "readings", due: "services", last_done: "services" };
const LANGUAGES = ["en", "zh-Hans", "zh-Hant", "es"];
const ASKED = ["age", "sex", "conditions", "medicines", "tag", "previous"];

/** Where `position` is in a document: the keys that lead there (`[]`: an item of a list), and whether a key or a value is written. */
export function placeOf(document, position) {
  const line = document.lineAt(position);
  const before = line.text.slice(0, position - line.from);
  const [, spaces, dashes, rest] = /^(\s*)((?:- +)*)(.*)$/.exec(before);
  const path = above(document, line.number, spaces.length + dashes.length, spaces.length, dashes);
  const pair = /^("[^"]*"|[^\s:#"'{}[\]][^:]*):(?:\s+(.*))?$/.exec(rest);
  const inner = flow(pair ? pair[2] ?? "" : rest);
  if (pair) return { path: [...path, unquoted(pair[1]), ...inner.path], at: inner.depth ? inner.at : "value", before };
  return { path: [...path, ...inner.path], at: inner.depth ? inner.at : "key", before };
}

const unquoted = (word) => word.trim().replace(/^"(.*)"$/, "$1");

/** The keys above a line whose content begins at `column`. */
function above(document, number, column, dash, dashes) {
  const path = [];
  let limit = column;
  if (dashes) {
    path.unshift("[]");
    limit = dash + 0.5;
  }
  for (let at = number - 1; at >= 1 && limit > 0; at -= 1) {
    const text = document.line(at).text;
    if (!text.trim() || text.trim().startsWith("#")) continue;
    const found = /^(\s*)((?:- +)*)("[^"]*"|[^\s:#"'{}[\]][^:]*):(\s|$)/.exec(text);
    if (!found) continue;
    const key = found[1].length + found[2].length;
    if (key < limit) {
      path.unshift(unquoted(found[3]));
      limit = key;
    }
    if (found[2] && found[1].length < limit) {
      path.unshift("[]");
      limit = found[1].length + 0.5;
    }
  }
  return path;
}

/** The same within braces and brackets on one line. */
function flow(text) {
  const open = [];
  let quote = "";
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at], top = open.at(-1);
    if (quote) { if (sign === quote) quote = ""; continue; }
    if (sign === '"' || sign === "'") quote = sign;
    else if (sign === "{" || sign === "[") open.push({ list: sign === "[", key: null, word: "" });
    else if (sign === "}" || sign === "]") open.pop();
    else if (!top) continue;
    else if (sign === ",") Object.assign(top, { key: null, word: "" });
    else if (sign === ":" && !top.list && /\s|^$/.test(text[at + 1] ?? "")) Object.assign(top, { key: unquoted(top.word), word: "" });
    else top.word += sign;
  }
  const path = open.flatMap((one) => (one.list ? ["[]"] : one.key === null ? [] : [one.key]));
  const top = open.at(-1);
  return { path, depth: open.length, at: top && !top.list && top.key === null ? "key" : "value" };
}

/** The parts of the schema that hold at `path`. */
export function rulesAt(schema, path) {
  const whole = (rule) => {
    while (rule && rule.$ref) rule = { ...schema.$defs[rule.$ref.split("/").at(-1)], description: rule.description };
    if (!rule) return [];
    return [rule, ...(rule.anyOf ?? rule.oneOf ?? []).flatMap(whole), ...(rule.allOf ?? []).flatMap((one) => whole(one.then ?? one))];
  };
  let rules = whole(schema);
  for (const step of path) {
    rules = rules.flatMap((rule) => {
      if (step === "[]") return rule.items ? whole(rule.items) : [];
      if (rule.properties?.[step]) return whole(rule.properties[step]);
      return rule.additionalProperties && typeof rule.additionalProperties === "object" ? whole(rule.additionalProperties) : [];
    });
  }
  return rules;
}

const option = (label, type, more = {}) => ({ label, type, ...more });

/** A source of completions for CodeMirror. `known`: what gives the schema and the document's names as they are now. */
export function completing(known) {
  return (context) => {
    const { schema, names } = known();
    if (!schema) return null;
    const { path, at, before } = placeOf(context.state.doc, context.pos);
    const word = context.matchBefore(/[\p{L}\p{N}_.-]*/u);
    if (!context.explicit && word.from === word.to && !/[:{[,] $/.test(before)) return null;
    const options = at === "key" ? keys(schema, path, names) : values(schema, path, names, before);
    return options.length ? { from: word.from, options, validFor: /^[\p{L}\p{N}_.-]*$/u } : null;
  };
}

function keys(schema, path, names) {
  const rules = rulesAt(schema, path);
  const found = new Map();
  for (const rule of rules) {
    for (const [key, inner] of Object.entries(rule.properties ?? {})) {
      const said = rulesAt({ ...inner, $defs: schema.$defs }, [])[0] ?? inner;
      found.set(key, option(key, "property", { detail: said.title ?? "", info: said.description, apply: `${key}: ` }));
    }
    if (!rule.properties && rule.propertyNames?.$ref?.endsWith("/language")) {
      for (const one of LANGUAGES) found.set(one, option(one, "text", { apply: `${one}: ` }));
    }
    if (!rule.properties && rule.additionalProperties?.$ref && /days|before/i.test(rule.additionalProperties.$ref)) {
      for (const tag of names.tags ?? []) found.set(tag, option(tag, "enum", { apply: `${tag}: ` }));
    }
  }
  for (const name of names[KEYED[path.at(-1)]] ?? []) if (path.length > 1) found.set(name, option(name, "variable", { apply: `${name}: ` }));
  if (path.at(-1) === "[]" && !found.size) return values(schema, path, names, "");
  return [...found.values()];
}

function values(schema, path, names, before) {
  const key = [...path].reverse().find((step) => step !== "[]");
  if (path[0] === "messages" && path.length > 2) {
    return /\{\{[^}]*$/.test(before) ? (names.variables ?? []).map((one) => option(one, "variable")) : [];
  }
  const rules = rulesAt(schema, path);
  if (rules.some((rule) => rule.title === "a condition") || path[0] === "values" || path[0] === "gives") {
    const previous = /previous\.\w*$/.test(before);
    if (previous) return (names.values ?? []).map((one) => option(`previous.${one}`, "variable"));
    return [
      ...(names.readings ?? []).map((one) => option(one, "variable")), ...(names.values ?? []).map((one) => option(one, "function")),
      ...ASKED.map((one) => option(one, "keyword")),
    ];
  }
  const section = path.includes("says") && key !== "says" ? "messages" : NAMED[key];
  const own = section && !(key === "row" && path[0] === "tables") ? (names[section] ?? []).map((one) => option(one, "variable")) : [];
  const listed = rules.flatMap((rule) => rule.enum ?? []).map((one) => option(String(one), "enum"));
  const yes = rules.some((rule) => rule.type === "boolean") ? ["true", "false"].map((one) => option(one, "keyword")) : [];
  const examples = own.length + listed.length ? [] : rules.flatMap((rule) => rule.examples ?? []).filter((one) => typeof one === "string" && one.length < 40)
    .map((one) => option(one, "text", { detail: rules[0].title ?? "", boost: -1 }));
  return [...own, ...listed, ...yes, ...examples];
}
