// The texts of the pages in the user's language: shared messages and the page's own. Each language of ../../locales is loaded when it
// is chosen.
import { FluentBundle, FluentResource, type FluentVariable } from "@fluent/bundle";
import { computed, signal } from "@preact/signals";
import type { Messages } from "./messages";
import type { PageText } from "./wire";

/** Files of messages by path, each loaded on demand. */
export type Words = Record<string, () => Promise<string>>;
const common: Words = import.meta.glob<string>("../../locales/shared/*.ftl", { query: "?raw", import: "default" });
const own = new Map<string, (() => Promise<string>)[]>();
const codeOf = (path: string) => path.replace(/^.*\/|\.ftl$/g, "");
/** The languages in which the page exists. */
export const languages: string[] = [];
const KEPT = "matdan-language";
const FALLBACK = "en";
const RIGHT_TO_LEFT = new Set(["ur"]);

/** The Indian locale of a language, with Latin digits as on the keys. */
const localeOf = (code: string) => `${code}-IN-u-nu-latn`;

const bundles = signal<FluentBundle[]>([]);
export const language = signal(FALLBACK);
export const areLoaded = computed(() => bundles.value.length > 0);

/** Names of languages that Chromium knows only in English. */
const NAMES: Record<string, string> = { as: "অসমীয়া", or: "ଓଡ଼ିଆ" };

/** Return the name of a language in that language. */
export const nameOf = (code: string) =>
  NAMES[code] ?? new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;

/** Return the language chosen before, otherwise the browser's, otherwise English. */
function preferred(): string {
  const wanted = [localStorage.getItem(KEPT) ?? "", ...navigator.languages.map((each) => each.split("-")[0] ?? "")];
  return wanted.find((each) => languages.includes(each)) ?? FALLBACK;
}

/** Register a page's own messages, which may be in several files, and show the page in the preferred language. */
export async function speak(files: Words): Promise<void> {
  for (const [path, read] of Object.entries(files)) own.set(codeOf(path), [...(own.get(codeOf(path)) ?? []), read]);
  languages.push(...own.keys());
  await choose(preferred());
}

/** Show the page in a language. Missing messages are shown in English. */
export async function choose(code: string, keep = false): Promise<void> {
  if (keep) localStorage.setItem(KEPT, code);
  const chain = code === FALLBACK ? [code] : [code, FALLBACK];
  const [loaded] = await Promise.all([Promise.all(chain.map(load)), loadFont(code)]);
  bundles.value = loaded;
  language.value = code;
  document.documentElement.lang = code;
  document.documentElement.dir = RIGHT_TO_LEFT.has(code) ? "rtl" : "ltr";
  document.title = t("title");
}

const FONT_MS = 3000;
/** Load the font of a language's script. Chromium does not redraw all texts that were shown before their font was loaded. */
export async function loadFont(code: string): Promise<void> {
  const families = getComputedStyle(document.body).fontFamily;
  const isLoaded = document.fonts.load(`1rem ${families}`, nameOf(code)).catch(() => []);
  await Promise.race([isLoaded, new Promise((resolve) => setTimeout(resolve, FONT_MS))]);
}

/** Show the page in a language if the user has not chosen one. */
export const suggest = (code: string) =>
  void (localStorage.getItem(KEPT) === null && languages.includes(code) && choose(code));

async function load(code: string): Promise<FluentBundle> {
  const bundle = new FluentBundle(localeOf(code), { useIsolating: false });
  const read = [...(own.get(code) ?? []), common[`../../locales/shared/${code}.ftl`]];
  for (const text of await Promise.all(read.map((each) => each?.() ?? "")))
    bundle.addResource(new FluentResource(text));
  return bundle;
}

type MessageId = keyof Messages;
/** The id of a message that needs no values. */
export type PlainMessageId = { [Id in MessageId]: [Messages[Id]] extends [never] ? Id : never }[MessageId];
/** What follows a prefix in message ids: `CodeOf<"seat-order">` is "calls" of `seat-order-calls` and the others. */
export type CodeOf<Prefix extends string> = PlainMessageId extends infer Id
  ? Id extends `${Prefix}-${infer Code}`
    ? Code
    : never
  : never;
type MessageValues<Id extends MessageId> = [Messages[Id]] extends [never]
  ? []
  : [values: Record<Messages[Id], FluentVariable>];

/** Return whether a message exists. */
export const has = (id: string) => bundles.value.some((bundle) => bundle.hasMessage(id));

/** Return a message by its id, with its values. */
export const t = <Id extends MessageId>(id: Id, ...[values]: MessageValues<Id>): string => messageOf(id, values);

/** Return a message whose id contains a code that the server sent, or the id if no language has the message. */
export function messageOf(id: string, values: Record<string, FluentVariable> = {}): string {
  for (const bundle of bundles.value) {
    const message = bundle.getMessage(id);
    if (message?.value) return bundle.formatPattern(message.value, values, []);
  }
  return id;
}

/** Return whether a text of the server is translated. Other texts of the server are in English. */
export const isTranslated = ({ id }: PageText) => has(id);

/** Return a text of the server in the page's language, or in English if it has no translation. */
export function serverText(text: PageText | string): string {
  if (typeof text === "string") return text;
  if (!isTranslated(text)) return text.english;
  const values = Object.entries(text.values).map(([name, value]): [string, FluentVariable] => [
    name,
    typeof value === "number" ? value : serverText(value),
  ]);
  return messageOf(text.id, Object.fromEntries(values));
}

/** Return the translation of a code of the dialler (a state, a role), or the code if it has none. */
export const word = (kind: string, value: string) => (has(`${kind}-${value}`) ? messageOf(`${kind}-${value}`) : value);

/** The centre's time zone. A PC may be set to another one. */
export const zone = signal<string | undefined>(undefined);

const formats = computed(() => ({
  count: new Intl.NumberFormat(localeOf(language.value)),
  one: new Intl.NumberFormat(localeOf(language.value), { maximumFractionDigits: 1 }),
  milliseconds: new Intl.NumberFormat(localeOf(language.value), {
    style: "unit",
    unit: "millisecond",
    maximumFractionDigits: 0,
  }),
  percent: new Intl.NumberFormat(localeOf(language.value), { style: "percent", maximumFractionDigits: 1 }),
  clock: new Intl.DateTimeFormat(localeOf(language.value), {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
    timeZone: zone.value,
  }),
  hour: new Intl.DateTimeFormat(localeOf(language.value), {
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
    timeZone: zone.value,
  }),
  day: new Intl.DateTimeFormat(localeOf(language.value), { day: "numeric", month: "short", timeZone: zone.value }),
}));
export const count = (value: number) => formats.value.count.format(value);
export const tenths = (value: number) => Math.round(value * 10) / 10;
export const decimal = (value: number) => formats.value.one.format(value);
export const milliseconds = (seconds: number) => formats.value.milliseconds.format(seconds * 1000);
export const percent = (share: number) => formats.value.percent.format(share);
export const clock = (at: number) => formats.value.clock.format(at * 1000);
export const hour = (at: number) => formats.value.hour.format(at * 1000);
export const day = (at: number) => formats.value.day.format(at * 1000);
export const moment = (at: number) => `${day(at)} ${hour(at)}`;

/** Return seconds as 0:07, 12:34 or 1:02:03. */
export function lasted(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
