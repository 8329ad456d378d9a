// Completion in the text of a flow: keys and values by the JSON schema of flows, and names of nodes, texts and flows.

/** The parts of a JSON schema that the schema of flows uses. */
export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  propertyNames?: { pattern?: string };
  items?: Schema;
  required?: string[];
  enum?: string[];
  type?: string;
  description?: string;
}
export interface Known {
  schema: Schema;
  /** Keys that name the kind of a node, such as menu. */
  kinds: string[];
  /** Keys of the texts that prompts can play. */
  texts: string[];
  /** Names of flows that can be subdialogs. */
  flows: string[];
}
export interface Suggestion {
  label: string;
  detail?: string;
  /** Text that the editor inserts in place of the label. */
  apply?: string;
}
export interface Suggestions {
  /** Where the word begins that a suggestion replaces. */
  from: number;
  options: Suggestion[];
}

/** Keys whose value is a node of the flow. */
export const TARGET_KEYS = new Set(["start", "next", "failed", "then", "otherwise", "goto", "unknown", "nothing"]);
/** Keys whose value is a list of prompts. */
const PROMPT_KEYS = new Set(["say", "menu", "text"]);
const KEY = /^(\s*)(?:- )?([\w*#]+):/;

interface Place {
  /** The keys of the mappings around the cursor, from the outside. */
  path: string[];
  /** The key whose value the cursor is in, or null if it is in a key. */
  key: string | null;
  /** The part of the word before the cursor. */
  word: string;
  /** The keys that the innermost mapping has. */
  siblings: Set<string>;
}

const indentOf = (line: string) => line.length - line.trimStart().length;

/** Return the keys of the mappings that contain a line with this indent, from the outside. */
function pathAbove(lines: string[], indent: number): string[] {
  const path: string[] = [];
  let inner = indent;
  for (const line of [...lines].reverse()) {
    const found = KEY.exec(line);
    if (!found || found[1]!.length >= inner) continue;
    path.unshift(found[2]!);
    inner = found[1]!.length;
  }
  return path;
}

/** Return the keys of the mapping at `indent` that contains the line `at`. */
function siblingsOf(lines: string[], at: number, indent: number): Set<string> {
  const found = new Set<string>();
  const collect = (line: string): boolean => {
    if (line.trim() && indentOf(line) < indent) return false;
    const key = KEY.exec(line);
    if (key && key[1]!.length === indent) found.add(key[2]!);
    return true;
  };
  for (let place = at - 1; place >= 0 && collect(lines[place]!); place--);
  for (let place = at + 1; place < lines.length && collect(lines[place]!); place++);
  return found;
}

/** Return the part of a line after its last open brace or bracket, and the key before each that is open. */
function openParts(line: string): { rest: string; keys: string[]; inList: boolean } {
  const open: { key: string; from: number; isList: boolean }[] = [];
  [...line].forEach((letter, place) => {
    if (letter === "{" || letter === "[") {
      const key = /(?:^|[\s{,[])([\w*#]+):\s*$/.exec(line.slice(0, place))?.[1] ?? "";
      open.push({ key, from: place + 1, isList: letter === "[" });
    } else if (letter === "}" || letter === "]") open.pop();
  });
  const last = open[open.length - 1];
  return {
    rest: last ? line.slice(last.from) : line,
    keys: open.map(({ key }) => key),
    inList: last?.isList ?? false,
  };
}

function findPlace(text: string, at: number): Place | null {
  const lines = text.split("\n");
  const before = text.slice(0, at).split("\n");
  const number = before.length - 1;
  const line = before[number]!;
  if (/^\s*#|\s#/.test(line)) return null;
  const indent = indentOf(line.trim() ? line : lines[number]!);
  const above = pathAbove(lines.slice(0, number), line.trim() ? indent : line.length);
  const { rest, keys, inList } = openParts(line);
  if (!keys.length) {
    const [, key, word] = /^\s*(?:- )?(?:([\w*#]+):\s+)?([\w.*#-]*)$/.exec(rest) ?? [];
    if (word === undefined) return null;
    return {
      path: above,
      key: key ?? null,
      word,
      siblings: siblingsOf(lines, number, line.trim() ? indent : line.length),
    };
  }
  const outer = KEY.exec(line)?.[2];
  const path = [...above, ...(outer && outer !== keys[0] ? [outer] : []), ...keys.filter(Boolean)];
  const part = rest.split(",").pop()!;
  const [, key, word] = /^\s*(?:([\w*#]+):\s+)?([\w.*#-]*)$/.exec(part) ?? [];
  if (word === undefined) return null;
  if (inList) return { path: path.slice(0, -1), key: path[path.length - 1] ?? null, word, siblings: new Set() };
  const after = lines[number]!.slice(line.length).split("}")[0]!;
  const siblings = new Set([...`${rest} ${after}`.matchAll(/([\w*#]+):/g)].map((found) => found[1]!));
  return { path, key: key ?? null, word, siblings };
}

/** Return the alternatives of a schema, with references resolved. */
function alternativesOf(schema: Schema, root: Schema): Schema[] {
  if (schema.$ref) return alternativesOf(root.$defs?.[schema.$ref.replace("#/$defs/", "")] ?? {}, root);
  return schema.anyOf ? schema.anyOf.flatMap((each) => alternativesOf(each, root)) : [schema];
}

/** Return the schemas that the value of a key may have. */
function schemasOfKey(schemas: Schema[], key: string, root: Schema): Schema[] {
  return schemas.flatMap((each) => {
    const others = Object.values(each.patternProperties ?? {});
    if (typeof each.additionalProperties === "object") others.push(each.additionalProperties);
    const found = each.properties?.[key] ?? others[0];
    const inside = found ? alternativesOf(found, root) : [];
    return inside.flatMap((value) => (value.items ? [value, ...alternativesOf(value.items, root)] : [value]));
  });
}

/** Return the key that tells which kind of node a schema describes. */
function kindKeyOf({ required = [] }: Schema, kinds: string[]): string {
  const found = required.filter((name) => kinds.includes(name));
  return found.find((name) => name !== "say") ?? found[0] ?? ""; // most kinds have prompts too
}

/** Return the kinds of nodes that a node with these keys can be. */
function possibleKinds(schemas: Schema[], siblings: Set<string>, kinds: string[]): Schema[] {
  const found = schemas.filter((each) => siblings.has(kindKeyOf(each, kinds)));
  const others = found.filter((each) => kindKeyOf(each, kinds) !== "say");
  return others.length ? others : found;
}

const isNode = (path: string[]) => path.length === 2 && path[0] === "nodes";

function keysAt({ path, siblings }: Place, schemas: Schema[], { kinds }: Known): Suggestion[] {
  const shown = isNode(path) ? possibleKinds(schemas, siblings, kinds) : schemas;
  const found: [string, Schema][] = shown.length
    ? shown.flatMap((each) => Object.entries(each.properties ?? {}))
    : schemas.map((each) => [kindKeyOf(each, kinds), each]);
  return found
    .filter(([name]) => !siblings.has(name))
    .map(([label, { description }]) => ({
      label,
      ...(description && { detail: description }),
      apply: `${label}: `,
    }));
}

function valuesAt({ path, key, siblings }: Place, schemas: Schema[], nodes: string[], known: Known): Suggestion[] {
  const plain = (labels: string[]) => labels.map((label) => ({ label }));
  if (path[path.length - 1] === "choices" || (TARGET_KEYS.has(key!) && !siblings.has("when"))) return plain(nodes);
  if (key === "goto") return plain(nodes);
  if (key === "subdialog") return plain(known.flows);
  if (PROMPT_KEYS.has(key!)) return plain(known.texts);
  const values = schemasOfKey(
    isNode(path) ? possibleKinds(schemas, new Set([...siblings, key!]), known.kinds) : schemas,
    key!,
    known.schema,
  );
  return plain(values.flatMap((each) => [...(each.enum ?? []), ...(each.type === "boolean" ? ["true", "false"] : [])]));
}

/** Return the names of the nodes in a text. */
export function nodesIn(text: string): string[] {
  const below = text.split(/^nodes:.*$/m)[1] ?? "";
  const lines = below.split("\n").filter((line) => line.trim() && !/^\s*#/.test(line));
  const first = lines[0];
  const indent = first ? indentOf(first) : 0;
  const names = lines
    .map((line) => KEY.exec(line))
    .filter((found) => indent > 0 && found !== null && found[1]!.length === indent);
  return names.map((found) => found![2]!);
}

/** Return the suggestions for a position (offset) in a text, or null. */
export function suggestAt(text: string, at: number, known: Known): Suggestions | null {
  const place = findPlace(text, at);
  if (!place) return null;
  const schemas = place.path.reduce(
    (found, key) => schemasOfKey(found, key, known.schema),
    alternativesOf(known.schema, known.schema),
  );
  const options = place.key === null ? keysAt(place, schemas, known) : valuesAt(place, schemas, nodesIn(text), known);
  const once = [...new Map(options.map((each) => [each.label, each])).values()];
  return once.length ? { from: at - place.word.length, options: once } : null;
}
