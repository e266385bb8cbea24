/**
 * Makes src/generated/ from spec/openapi.json and spec/asyncapi.json, which the server prints from
 * its Rust types: `npm run codegen`. It knows the few shapes of JSON Schema that these documents
 * use, and stops at any other, so that nothing is left out in silence.
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const SPEC = new URL('../../spec/', import.meta.url);
const OUT = new URL('./src/generated/', import.meta.url);
const WIDTH = 100;
/** Enumerations that later versions of the server may add to; what names them takes any word. `[RF1]` */
const OPEN = new Set(['RefusalCode']);

const read = (name) => JSON.parse(readFileSync(new URL(name, SPEC), 'utf8'));
const openapi = read('openapi.json');
const asyncapi = read('asyncapi.json');
const known = asyncapi['x-tidings'];

/** The same in both, whatever the order of its keys. */
function same(a, b) {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b;
  // AsyncAPI names the field of a discriminator alone.
  const keysOf = (value) => Object.keys(value).filter((key) => key !== 'discriminator');
  const keys = keysOf(a);
  return keys.length === keysOf(b).length && keys.every((key) => same(a[key], b[key]));
}

function comment(text, indent = '') {
  if (!text) return '';
  const words = text.replaceAll('*/', '* /').split(/\s+/);
  const lines = [''];
  for (const word of words) {
    const line = lines.at(-1);
    if (line && indent.length + line.length + word.length + 4 > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  if (lines.length === 1 && indent.length + text.length + 7 <= WIDTH) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}

/** What a schema says besides the words for people. */
const ANNOTATIONS = ['description', 'format', 'minimum', 'maximum', 'minLength', 'maxLength', 'maxItems'];

function meaning(schema, where) {
  const left = Object.entries(schema).filter(
    ([key]) => !ANNOTATIONS.includes(key) && !key.startsWith('x-'),
  );
  const allowed = ['$ref', 'type', 'properties', 'required', 'items', 'enum', 'oneOf', 'anyOf', 'allOf', 'discriminator', 'pattern', 'additionalProperties', 'propertyNames'];
  for (const [key] of left) {
    if (!allowed.includes(key)) throw new Error(`${where}: codegen does not know "${key}"`);
  }
  return Object.fromEntries(left);
}

/** A type that says nothing of null, and whether the schema allows it. */
function nullable(schema, where) {
  const { type, anyOf } = meaning(schema, where);
  if (Array.isArray(type) && type.includes('null')) {
    const rest = type.filter((word) => word !== 'null');
    return { schema: { ...schema, type: rest.length === 1 ? rest[0] : rest }, orNull: true };
  }
  const bare = anyOf?.filter((one) => one.type !== 'null');
  if (bare?.length === 1 && bare.length < anyOf.length) {
    const about = schema.description && { description: schema.description };
    return { schema: { ...bare[0], ...about }, orNull: true };
  }
  return { schema, orNull: false };
}

function typeOf(given, indent, where) {
  const { schema, orNull } = nullable(given, where);
  const text = bareType(schema, indent, where);
  return orNull ? `${text} | null` : text;
}

function bareType(schema, indent, where) {
  const { $ref, type, items, enum: words, oneOf, allOf, pattern, properties } = meaning(schema, where);
  if ($ref) {
    const name = $ref.split('/').at(-1);
    return OPEN.has(name) ? `${name} | (string & {})` : name;
  }
  if (oneOf) return union(oneOf.map((one) => typeOf(one, `${indent}  `, where)), indent);
  if (allOf) return allOf.map((one) => typeOf(one, indent, where)).join(' & ');
  if (words) return union(words.map((word) => `'${word}'`), indent);
  if (type === 'string' && pattern) return ofPattern(pattern);
  if (type === 'string' || type === 'boolean') return type;
  if (type === 'integer' || type === 'number') return 'number';
  if (type === 'array') {
    const item = typeOf(items, indent, where);
    return /[|&{]/.test(item) ? `(${item})[]` : `${item}[]`;
  }
  if (properties) return members(schema, indent, where);
  // Names of any kind.
  const { additionalProperties } = schema;
  if (type === 'object' && additionalProperties) {
    return `Record<string, ${typeOf(additionalProperties, indent, where)}>`;
  }
  throw new Error(`${where}: codegen does not know ${JSON.stringify(schema)}`);
}

/** An id keeps its prefix as a type: `^(room|user)_…`. */
function ofPattern(pattern) {
  const prefix = /^\^\(?([a-z|]+)\)?_\[/.exec(pattern);
  return prefix ? prefix[1].split('|').map((word) => `\`${word}_\${string}\``).join(' | ') : 'string';
}

function union(types, indent) {
  const line = types.join(' | ');
  if (indent.length + line.length + 24 <= WIDTH && !line.includes('\n')) return line;
  return types.map((type) => `\n${indent}  | ${type}`).join('');
}

function members(schema, indent, where) {
  const required = new Set(schema.required ?? []);
  const lines = Object.entries(schema.properties).map(([name, property]) => {
    const at = `${where}.${name}`;
    const { schema: bare } = nullable(property, at);
    // What need not be there is left out; null says the same, and is never sent.
    const type = typeOf(required.has(name) ? property : bare, `${indent}  `, at);
    const about = comment(property.description ?? bare.description, `${indent}  `);
    return `${about}${indent}  ${name}${required.has(name) ? '' : '?'}: ${type};\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
}

function declare(name, schema) {
  const about = comment(schema.description);
  if (schema.properties) return `${about}export interface ${name} ${members(schema, '', name)}\n`;
  const type = typeOf(schema, '', name);
  const space = type.startsWith('\n') ? '' : ' ';
  return `${about}export type ${name} =${space}${type};\n`;
}

const pascal = (name) => name.replace(/(^|_)(\w)/g, (_all, _line, letter) => letter.toUpperCase());
const snake = (name) => name.replace(/\B[A-Z]/g, (letter) => `_${letter}`).toLowerCase();

/** All types of both documents; one that is in both must be the same. */
function types() {
  const sides = { client: [], server: [] };
  const all = new Map();
  for (const [name, schema] of Object.entries(asyncapi.components.schemas)) {
    const [, side, kind] = /^(client|server)_(\w+)$/.exec(name) ?? [];
    if (!side) all.set(name, schema);
    else {
      const frame = `${pascal(side)}${pascal(kind)}Frame`;
      const about = asyncapi.components.messages[name].summary;
      sides[side].push(frame);
      all.set(frame, about ? { description: about, ...schema } : schema);
    }
  }
  const frames = new Map([
    ['ClientFrame', sides.client],
    ['ServerFrame', sides.server],
  ]);
  for (const [name, schema] of Object.entries(openapi.components.schemas)) {
    // Frames and their variants are those of the socket.
    if ([...frames.keys()].some((frame) => name.startsWith(frame))) continue;
    const other = all.get(name);
    // Descriptions of the REST document may know more; the shape is the same.
    if (other && !same(other, schema)) throw new Error(`${name} differs between the documents`);
    all.set(name, schema);
  }
  const declared = [...all]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, schema]) => declare(name, schema));
  for (const [name, kinds] of frames) {
    const about = comment(`Every frame of the ${name === 'ClientFrame' ? 'client' : 'server'}. \`[FR2]\``);
    declared.push(`${about}export type ${name} =${union(kinds, ' '.repeat(WIDTH))};\n`.replace(/\n {100}/g, '\n'));
  }
  return declared.join('\n');
}

function constants() {
  const lines = [`export const SUBPROTOCOL_JSON = '${known.subprotocols.json}';\n`];
  lines.push(`export const SUBPROTOCOL_MSGPACK = '${known.subprotocols.msgpack}';\n\n`);
  for (const { name, value, description } of known.limits) {
    lines.push(`${comment(description)}export const ${name} = ${value};\n`);
  }
  lines.push('\n/** Close codes by name. `[CL1]` */\nexport const CLOSE = {\n');
  for (const { name, code } of known.close_codes) lines.push(`  ${snake(name)}: ${code},\n`);
  lines.push('} as const;\n\n/** When to come back after some close codes, as the server sees it; a test compares. */\n');
  lines.push("export const COME_BACK: Readonly<Record<number, 'now' | 'later' | 'never'>> = {\n");
  for (const [code, when] of Object.entries(known.come_back)) lines.push(`  ${code}: '${when}',\n`);
  lines.push('};\n');
  return lines.join('');
}

function file(about, text) {
  return `/** ${about} Made by \`cargo xtask codegen\` from the Rust types; do not edit. */\n\n${text}`;
}

// What cannot be made leaves the old files in place.
const files = {
  'types.ts': file('Frames, events, state and bodies.', types()),
  'constants.ts': file('Limits, close codes, subprotocols.', constants()),
};
rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
for (const [name, text] of Object.entries(files)) writeFileSync(new URL(name, OUT), text);
