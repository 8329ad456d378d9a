// Commands of the board, each after a question.
import { askQuestion, problemText, showNotice } from "../shared/parts";
import { ask, isProblem, me, namesOf, type Problem, value } from "../shared/server";
import type { CampaignView } from "../shared/wire";
import { messageOf, percent, t, word } from "../shared/words";

type Values = Record<string, string | string[] | number | boolean>;
interface Reply {
  status: string;
  text: string;
}

/** Return whether the user may send this command. */
export const may = (name: string) => me.value?.may.includes(name) ?? false;

/** Send a command and return the reply. */
async function request(path: string, values: Values): Promise<Reply | Problem> {
  const asked = { id: crypto.randomUUID(), ...values }; // one id for a click, so that a retry is not executed twice
  const answer = await ask<Reply>("POST", path, asked);
  return isProblem(answer) && answer.problem === "no-desk" ? ask<Reply>("POST", path, asked) : answer;
}

/** Send a command, show its result, and return whether it was executed. */
export async function send(path: string, values: Values): Promise<boolean> {
  const answer = await request(path, values);
  if (isProblem(answer)) showNotice(problemText(answer), true);
  else if (answer.status === "done") showNotice(t("command-done", { text: answer.text }));
  else if (answer.status === "refused") showNotice(t("command-refused", { text: answer.text }), true);
  else showNotice(t("command-unanswered"), true);
  return !isProblem(answer) && answer.status === "done";
}

const COMMANDS = "/api/board/commands";
const give = (name: string, values: Values) => send(COMMANDS, { name, ...values });

/** Send a command to several seats, one after another, and show how many carried it out. */
async function giveToSeats(name: string, seats: string[], values: Values): Promise<void> {
  let done = 0;
  let problem = "";
  for (const seat of seats) {
    const answer = await request(COMMANDS, { name, ...values, seat });
    if (isProblem(answer)) problem ||= problemText(answer);
    else if (answer.status === "done") done++;
    else problem ||= answer.status === "refused" ? answer.text : t("command-unanswered");
  }
  showNotice([t("commands-done", { done, all: seats.length }), problem].filter(Boolean).join(" "), Boolean(problem));
}

const GRAVE = new Set(["stop", "stop-all", "seat-log-off", "seat-hang-up", "barge"]);
/** Fields of a command from the answer to its question. */
const SAID: Record<string, (said: string) => Values> = {
  "seat-pause": (reason) => ({ reason }),
  "seat-message": (text) => ({ text }),
  speed: (most) => (most ? { [most.split("=")[0]!]: Number(most.split("=")[1]) } : {}),
  "abandoned-target": (share): Values => (share ? { abandoned_target: Number(share) } : {}),
  weight: (weight): Values => (weight ? { weight: Number(weight) } : {}),
  "calling-hours": (text): Values => (text.trim() ? { hours: periodsOf(text) } : {}),
  "seat-campaigns": (campaign) => ({ campaigns: campaign ? [campaign] : [] }),
};
const MOST_LETTERS = 200; // docs/reference/topics.md
const AT_ONCE = new Set(["seat-ready", "listen", "stop-listening"]); // harmless, so without a question

/** Return the periods of the day in a text, such as 09:00-13:00, 14:00-18:00. */
const periodsOf = (text: string): string[] =>
  text.split(",").map((period) => period.replace(/\s/g, "").replace(/[–—]/g, "-").replace(/\b\d:/g, "0$&"));
const arePeriods = (text: string): boolean =>
  !text.trim() || periodsOf(text).every((period) => /^\d\d:\d\d-\d\d:\d\d$/.test(period));

/** Return periods of the day as text, or the key of the text for no period. */
export const joined = (periods: string[]): string => periods.join(", ") || "none";

/** Return the limits offered for a campaign: unanswered calls per agent, or simultaneous calls of a campaign without agents. */
function speeds(name: string): [string, string][] {
  const kind = value<CampaignView>(`campaign/${name}`)?.kind;
  const offered: [string, string][] =
    kind === "agents"
      ? [0.25, 0.5, 1, 1.5, 2, 3].map((each) => [`calls_per_seat=${each}`, t("speed-per-seat", { calls: each })])
      : [1, 5, 10, 20, 50, 100, 200].map((each) => [`max_calls=${each}`, t("speed-calls", { calls: each })]);
  return [...offered, ["", t("speed-unlimited")]];
}

/** Return the abandoned targets offered for a campaign, as parts of the profile's maximum. */
function targets(name: string): [string, string][] {
  const most = value<CampaignView>(`campaign/${name}`)?.abandoned_target?.maximum ?? 0;
  const offered = [0.1, 0.25, 0.5, 0.75, 1].map((part) => Number((most * part).toPrecision(3)));
  return [["", t("target-default")], ...offered.map((share): [string, string] => [String(share), percent(share)])];
}

/** Return the weights offered for a campaign. */
function weights(): [string, string][] {
  const offered = [1, 2, 3, 4, 5, 10].map((each): [string, string] => [String(each), t("weight-of", { weight: each })]);
  return [["", t("weight-default")], ...offered, ["0", t("weight-none")]];
}

/** Send a command after a question, if it needs one. With `seats`, send it to each of these seats. */
export function command(name: string, values: Record<string, string> = {}, seats?: string[]): void {
  const confirm = (given: Values) => void (seats ? giveToSeats(name, seats, given) : give(name, given));
  if (AT_ONCE.has(name)) return confirm(values);
  const reasons = (me.value?.pause_reasons ?? []).map((reason): [string, string] => [reason, word("pause", reason)]);
  const serving = [["", t("serve-all-campaigns")], ...namesOf("campaign").map((each) => [each, each])] as [
    string,
    string,
  ][];
  const hours = value<CampaignView>(`campaign/${values.campaign_id}`)?.calling_hours;
  askQuestion({
    title: messageOf(`do-${name}`),
    text: messageOf(`ask-${name}`, {
      to: seats?.join(", ") ?? values.seat ?? values.campaign_id ?? "",
      campaign: values.campaign_id ?? "",
      seat: seats?.join(", ") ?? "",
      lawful: joined(hours?.lawful_today ?? []),
      ...values,
    }),
    grave: GRAVE.has(name),
    ...(name === "seat-pause" ? { choices: { label: t("pause-reason"), options: reasons } } : {}),
    ...(name === "seat-message" ? { line: { label: t("message-text"), most: MOST_LETTERS } } : {}),
    ...(name === "calling-hours"
      ? {
          line: {
            label: t("hours-choice"),
            most: MOST_LETTERS,
            initial: hours?.hours.join(", ") ?? "",
            isValid: arePeriods,
          },
        }
      : {}),
    ...(name === "speed" ? { choices: { label: t("speed-choice"), options: speeds(values.campaign_id ?? "") } } : {}),
    ...(name === "abandoned-target"
      ? { choices: { label: t("target-choice"), options: targets(values.campaign_id ?? "") } }
      : {}),
    ...(name === "weight" ? { choices: { label: t("weight-choice"), options: weights() } } : {}),
    ...(name === "seat-campaigns" ? { choices: { label: t("campaign-choice"), options: serving } } : {}),
    onConfirm: (said) => confirm({ ...values, ...SAID[name]?.(said) }),
  });
}

/** A button that opens a menu of the commands that the user may send. */
export function Menu({
  id,
  title,
  note,
  offered,
  values = {},
  links = [],
}: {
  id: string;
  title: string;
  note?: string | undefined;
  offered: string[];
  values?: Record<string, string>;
  links?: [string, string][];
}) {
  const allowed = offered.filter(may);
  return (
    <Actions
      id={id}
      title={title}
      note={note}
      actions={allowed.map((name) => [messageOf(`do-${name}`), () => command(name, values)])}
      links={links}
    />
  );
}

interface ActionMenu {
  id: string;
  title: string;
  /** A line below the title. */
  note?: string | undefined;
  actions: [string, () => void][];
  /** Pages, with their addresses. */
  links?: [string, string][];
}
/** A button that opens a menu of actions. */
export function Actions({ id, title, note, actions, links = [] }: ActionMenu) {
  if (!actions.length && !links.length && !note) return null;
  return (
    <>
      <button type="button" class="more" popovertarget={id} aria-label={title}>
        ⋯
      </button>
      <div id={id} popover="auto" class="menu">
        <p>{title}</p>
        {note && <p class="small">{note}</p>}
        {actions.map(([label, then]) => (
          <button
            type="button"
            key={label}
            onClick={() => {
              document.getElementById(id)?.hidePopover();
              then();
            }}
          >
            {label}
          </button>
        ))}
        {links.map(([label, address]) => (
          <a key={label} href={address}>
            {label}
          </a>
        ))}
      </div>
    </>
  );
}
