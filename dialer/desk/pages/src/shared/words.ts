// The pages' words, in the reader's language: what every page says, and beside it each page's own. A file for each language in
// ../../locales, loaded when it is chosen.
import { FluentBundle, FluentResource, type FluentVariable } from "@fluent/bundle";
import { computed, signal } from "@preact/signals";

/** Files of words by path, each read when it is asked for. */
export type Words = Record<string, () => Promise<string>>;
const common: Words = import.meta.glob<string>("../../locales/shared/*.ftl", { query: "?raw", import: "default" });
const own = new Map<string, (() => Promise<string>)[]>();
const codeOf = (path: string) => path.replace(/^.*\/|\.ftl$/g, "");
/** Those that the page can be read in. */
export const languages: string[] = [];
const KEPT = "matdan-language";
const FALLBACK = "en";
const RIGHT_TO_LEFT = new Set(["ur"]);

/** As in India, and with the digits that stand on the keys. */
const localeOf = (code: string) => `${code}-IN-u-nu-latn`;

const bundles = signal<FluentBundle[]>([]);
export const language = signal(FALLBACK);
export const areLoaded = computed(() => bundles.value.length > 0);

/** Names that Chromium has in English alone. */
const NAMES: Record<string, string> = { as: "অসমীয়া", or: "ଓଡ଼ିଆ" };

/** A language's name in that language. */
export const nameOf = (code: string) => NAMES[code] ?? new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;

/** What the reader chose before, else what the browser asks for, else English. */
function preferred(): string {
  const wanted = [localStorage.getItem(KEPT) ?? "", ...navigator.languages.map((each) => each.split("-")[0] ?? "")];
  return wanted.find((each) => languages.includes(each)) ?? FALLBACK;
}

/** Show a page with its own words, which may stand in several files of a language, in the one that is preferred. */
export async function speak(files: Words): Promise<void> {
  for (const [path, read] of Object.entries(files)) own.set(codeOf(path), [...(own.get(codeOf(path)) ?? []), read]);
  languages.push(...own.keys());
  await choose(preferred());
}

/** Show the page in a language; what it lacks is shown in English. */
export async function choose(code: string, keep = false): Promise<void> {
  if (keep) localStorage.setItem(KEPT, code);
  const chain = code === FALLBACK ? [code] : [code, FALLBACK];
  bundles.value = await Promise.all(chain.map(load));
  language.value = code;
  document.documentElement.lang = code;
  document.documentElement.dir = RIGHT_TO_LEFT.has(code) ? "rtl" : "ltr";
  document.title = t("title");
}

/** Show the page in a language where its reader has chosen none. */
export const suggest = (code: string) => void (localStorage.getItem(KEPT) === null && languages.includes(code) && choose(code));

async function load(code: string): Promise<FluentBundle> {
  const bundle = new FluentBundle(localeOf(code), { useIsolating: false });
  const read = [...(own.get(code) ?? []), common[`../../locales/shared/${code}.ftl`]];
  for (const text of await Promise.all(read.map((each) => each?.() ?? ""))) bundle.addResource(new FluentResource(text));
  return bundle;
}

/** Whether there is a sentence of that name. */
export const has = (id: string) => bundles.value.some((bundle) => bundle.hasMessage(id));

/** A sentence by its name; one that no language has is shown by its name. */
export function t(id: string, values: Record<string, FluentVariable> = {}): string {
  for (const bundle of bundles.value) {
    const message = bundle.getMessage(id);
    if (message?.value) return bundle.formatPattern(message.value, values, []);
  }
  return id;
}

/** A word of the dialler's (a state, a role), where it has a translation; else as it came. */
export const word = (kind: string, value: string) => (has(`${kind}-${value}`) ? t(`${kind}-${value}`) : value);

/** The centre's time zone: a PC may be set to another. */
export const zone = signal<string | undefined>(undefined);

const formats = computed(() => ({
  count: new Intl.NumberFormat(localeOf(language.value)),
  one: new Intl.NumberFormat(localeOf(language.value), { maximumFractionDigits: 1 }),
  percent: new Intl.NumberFormat(localeOf(language.value), { style: "percent", maximumFractionDigits: 1 }),
  clock: new Intl.DateTimeFormat(localeOf(language.value), { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZone: zone.value }),
  hour: new Intl.DateTimeFormat(localeOf(language.value), { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: zone.value }),
  day: new Intl.DateTimeFormat(localeOf(language.value), { day: "numeric", month: "short", timeZone: zone.value }),
}));
export const count = (value: number) => formats.value.count.format(value);
export const decimal = (value: number) => formats.value.one.format(value);
export const percent = (share: number) => formats.value.percent.format(share);
export const clock = (at: number) => formats.value.clock.format(at * 1000);
export const hour = (at: number) => formats.value.hour.format(at * 1000);
export const day = (at: number) => formats.value.day.format(at * 1000);
export const moment = (at: number) => `${day(at)} ${hour(at)}`;

/** Seconds as 0:07, 12:34 or 1:02:03. */
export function lasted(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
