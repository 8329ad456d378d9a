// Commands with a question before them: what will be done, to whom, and yes or no.
import { question, say } from "../shared/parts";
import { ask, isProblem, me } from "../shared/server";
import { t, word } from "../shared/words";

interface Reply {
  status: string;
  text: string;
}

/** Whether who has signed in may give this command. */
export const may = (name: string) => me.value?.may.includes(name) ?? false;

async function give(name: string, values: Record<string, string>): Promise<void> {
  const id = crypto.randomUUID(); // of this click; a broken connection does not make two of it
  let answer = await ask<Reply>("POST", "/api/board/commands", { id, name, ...values });
  if (isProblem(answer) && answer.problem === "no-desk") answer = await ask<Reply>("POST", "/api/board/commands", { id, name, ...values });
  if (isProblem(answer)) say(t(`problem-${answer.problem}`, { seconds: answer.seconds ?? 0 }), true);
  else if (answer.status === "done") say(t("command-done", { text: answer.text }));
  else if (answer.status === "refused") say(t("command-refused", { text: answer.text }), true);
  else say(t("command-unanswered"), true);
}

const GRAVE = new Set(["stop", "stop-all", "seat-log-off", "seat-hang-up", "barge"]);
const AT_ONCE = new Set(["seat-ready", "listen", "stop-listening"]); // nothing that is lost by them

/** Ask whether to do it, then do it. */
export function command(name: string, values: Record<string, string> = {}): void {
  if (AT_ONCE.has(name)) return void give(name, values);
  const reasons = (me.value?.pause_reasons ?? []).map((reason): [string, string] => [reason, word("pause", reason)]);
  question({
    title: t(`do-${name}`),
    text: t(`ask-${name}`, values),
    yes: t(`do-${name}`),
    grave: GRAVE.has(name),
    ...(name === "seat-pause" ? { choices: { label: t("pause-reason"), options: reasons } } : {}),
    then: (reason) => void give(name, name === "seat-pause" ? { ...values, reason } : values),
  });
}

/** A button that opens the commands of something, those that who has signed in may give. */
export function Menu({ id, title, offered, values = {} }: { id: string; title: string; offered: string[]; values?: Record<string, string> }) {
  const allowed = offered.filter(may);
  if (!allowed.length) return null;
  return (
    <>
      <button class="more" popovertarget={id} aria-label={title}>
        ⋯
      </button>
      <div id={id} popover="auto" class="menu">
        <p>{title}</p>
        {allowed.map((name) => (
          <button
            key={name}
            onClick={() => {
              document.getElementById(id)?.hidePopover();
              command(name, values);
            }}
          >
            {t(`do-${name}`)}
          </button>
        ))}
      </div>
    </>
  );
}
