// Commands with a question before them: what will be done, to whom, and yes or no.
import { question, say, sentence } from "../shared/parts";
import { ask, isProblem, me, namesOf, value } from "../shared/server";
import { percent, t, word } from "../shared/words";
import type { CampaignView } from "../shared/wire";

type Values = Record<string, string | string[] | number | boolean>;
interface Reply {
  status: string;
  text: string;
}

/** Whether who has signed in may give this command. */
export const may = (name: string) => me.value?.may.includes(name) ?? false;

/** Have a command sent, and say what became of it; whether it was done. */
export async function send(path: string, values: Values): Promise<boolean> {
  const asked = { id: crypto.randomUUID(), ...values }; // of this click; a broken connection does not make two of it
  let answer = await ask<Reply>("POST", path, asked);
  if (isProblem(answer) && answer.problem === "no-desk") answer = await ask<Reply>("POST", path, asked);
  if (isProblem(answer)) say(sentence(answer), true);
  else if (answer.status === "done") say(t("command-done", { text: answer.text }));
  else if (answer.status === "refused") say(t("command-refused", { text: answer.text }), true);
  else say(t("command-unanswered"), true);
  return !isProblem(answer) && answer.status === "done";
}

const give = (name: string, values: Values) => send("/api/board/commands", { name, ...values });

const GRAVE = new Set(["stop", "stop-all", "seat-log-off", "seat-hang-up", "barge"]);
/** What is said in the question goes with the command. */
const SAID: Record<string, (said: string) => Values> = {
  "seat-pause": (reason) => ({ reason }),
  "seat-message": (text) => ({ text }),
  speed: (most) => (most ? { [most.split("=")[0]!]: Number(most.split("=")[1]) } : {}),
  "abandoned-target": (share): Values => (share ? { abandoned_target: Number(share) } : {}),
  "seat-campaigns": (campaign) => ({ campaigns: campaign ? [campaign] : [] }),
};
const MOST_LETTERS = 200; // docs/reference/topics.md
const AT_ONCE = new Set(["seat-ready", "listen", "stop-listening"]); // nothing that is lost by them

/** What a campaign may be held to: unanswered calls for each agent, where it has agents, else calls at once. */
function speeds(name: string): [string, string][] {
  const kind = value<CampaignView>(`campaign/${name}`)?.kind;
  const offered: [string, string][] =
    kind === "agents"
      ? [0.25, 0.5, 1, 1.5, 2, 3].map((each) => [`calls_per_seat=${each}`, t("speed-per-seat", { calls: each })])
      : [1, 5, 10, 20, 50, 100, 200].map((each) => [`max_calls=${each}`, t("speed-calls", { calls: each })]);
  return [...offered, ["", t("speed-unlimited")]];
}

/** Shares of live answers that a campaign may be steered to: of what the profile allows. */
function targets(name: string): [string, string][] {
  const most = value<CampaignView>(`campaign/${name}`)?.abandoned_target?.maximum ?? 0;
  const offered = [0.1, 0.25, 0.5, 0.75, 1].map((part) => Number((most * part).toPrecision(3)));
  return [["", t("target-default")], ...offered.map((share): [string, string] => [String(share), percent(share)])];
}

/** Ask whether to do it, then do it. */
export function command(name: string, values: Record<string, string> = {}): void {
  if (AT_ONCE.has(name)) return void give(name, values);
  const reasons = (me.value?.pause_reasons ?? []).map((reason): [string, string] => [reason, word("pause", reason)]);
  const serving = [["", t("serve-all-campaigns")], ...namesOf("campaign").map((each) => [each, each])] as [string, string][];
  question({
    title: t(`do-${name}`),
    text: t(`ask-${name}`, { to: values.seat ?? values.campaign ?? "", ...values }),
    grave: GRAVE.has(name),
    ...(name === "seat-pause" ? { choices: { label: t("pause-reason"), options: reasons } } : {}),
    ...(name === "seat-message" ? { line: { label: t("message-text"), most: MOST_LETTERS } } : {}),
    ...(name === "speed" ? { choices: { label: t("speed-choice"), options: speeds(values.campaign ?? "") } } : {}),
    ...(name === "abandoned-target" ? { choices: { label: t("target-choice"), options: targets(values.campaign ?? "") } } : {}),
    ...(name === "seat-campaigns" ? { choices: { label: t("campaign-choice"), options: serving } } : {}),
    then: (said) => void give(name, { ...values, ...SAID[name]?.(said) }),
  });
}

/** A button that opens the commands of something, those that who has signed in may give. */
export function Menu({ id, title, offered, values = {} }: { id: string; title: string; offered: string[]; values?: Record<string, string> }) {
  const allowed = offered.filter(may);
  return <Actions id={id} title={title} actions={allowed.map((name) => [t(`do-${name}`), () => command(name, values)])} />;
}

/** A button that opens what may be done about something. */
export function Actions({ id, title, actions }: { id: string; title: string; actions: [string, () => void][] }) {
  if (!actions.length) return null;
  return (
    <>
      <button class="more" popovertarget={id} aria-label={title}>
        ⋯
      </button>
      <div id={id} popover="auto" class="menu">
        <p>{title}</p>
        {actions.map(([label, then]) => (
          <button
            key={label}
            onClick={() => {
              document.getElementById(id)?.hidePopover();
              then();
            }}
          >
            {label}
          </button>
        ))}
      </div>
    </>
  );
}
