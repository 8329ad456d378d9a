// The voter on the line: name and household, booth and remaining time, why the call is allowed, and earlier calls.
import { useRef, useState } from "preact/hooks";
import { Icon } from "../shared/icons";
import { Section } from "../shared/parts";
import { now } from "../shared/server";
import type { AgentScreenPop, ScreenPopBooth, ScreenPopVoter } from "../shared/wire";
import { count, day, hour, lasted, t, word } from "../shared/words";
import { callsWithEntries, change, chosenOf, draftOf, nameOf, pendingOf, readable } from "./drafts";
import { Menu } from "./menu";
import { MORE_OF_VOTER, recordVoter } from "./outcomes";
import { seat } from "./state";

const MOST_LETTERS = 60;
const DAY_SECONDS = 86400;

/** Return a text cut to one line of a household's row. */
function shortened(text: string): string {
  const letters = [...text];
  return letters.length <= MOST_LETTERS ? text : `${letters.slice(0, MOST_LETTERS).join("")}…`;
}

/** Untrusted text, shown as plain text in its own direction. A long text is cut and can be expanded. */
export function Text({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  const short = shortened(text);
  if (short === text) return <bdi>{text}</bdi>;
  return (
    <span>
      <bdi>{whole ? text : short}</bdi>{" "}
      <button type="button" class="more" aria-expanded={whole} onClick={() => setWhole(!whole)}>
        {t(whole ? "show-less" : "show-all")}
      </button>
    </span>
  );
}

const relationOf = (voter: ScreenPopVoter) =>
  voter.relation ? `${word("relation", voter.relation.toLowerCase())}: ` : "";

/** The roll's data about a voter. */
function Facts({ voter }: { voter: ScreenPopVoter }) {
  return (
    <p class="facts">
      {voter.relative && (
        <span>
          {relationOf(voter)}
          <Text text={voter.relative} />
        </span>
      )}
      {voter.age !== null && <span>{t("age", { age: voter.age })}</span>}
      {voter.gender && <span>{word("gender", voter.gender.toLowerCase())}</span>}
      {voter.house && (
        <span>
          {t("house")} <Text text={voter.house} />
        </span>
      )}
      {voter.serial !== null && <span>{t("serial", { serial: voter.serial })}</span>}
    </p>
  );
}

/** Return the spellings of a voter's name: first in the script of the page's language, then in the other script if the roll has both. */
function spellings(voter: ScreenPopVoter): [string, string | null] {
  const first = nameOf(voter);
  const other = first === voter.name ? voter.name_local : voter.name;
  return [first, other && other !== first ? other : null];
}

function Name({ voter }: { voter: ScreenPopVoter }) {
  const [first, other] = spellings(voter);
  return (
    <>
      <Text text={first} />
      {other && (
        <small class="local">
          {" "}
          <Text text={other} />
        </small>
      )}
    </>
  );
}

/** Return a name cut to 40 characters and isolated, so that it cannot change the direction of the text around it. */
export const isolated = (name: string) => `\u2068${[...name].slice(0, 40).join("")}\u2069`;

const markIn = (mark: ScreenPopVoter["marks"][number]) =>
  [word("mark", mark.kind), mark.hour === null ? "" : t("at-hour", { hour: mark.hour })].filter(Boolean).join(" ");

/** Voters who no longer need a call because of a mark recorded elsewhere during this call. */
function Elsewhere({ call }: { call: AgentScreenPop }) {
  const first = useRef({ attempt: "", pending: new Set<number>() });
  if (first.current.attempt !== call.attempt)
    first.current = {
      attempt: call.attempt,
      pending: new Set(call.voters.filter((each) => each.pending).map((each) => each.id)),
    };
  const spoken = callsWithEntries.has(call.attempt)
    ? [call.addressed, ...Object.keys(draftOf(call).value.voters).map(Number)]
    : [];
  const settled = call.voters.filter(
    (each) => !each.pending && first.current.pending.has(each.id) && !spoken.includes(each.id),
  );
  return (
    <div role="alert" class={settled.length || call.opted_out ? "warn" : "unseen"}>
      {call.opted_out && <p>{t("opted-out")}</p>}
      {settled.map((voter) => (
        <p key={voter.id}>
          {t("recorded-elsewhere", {
            name: isolated(nameOf(voter)),
            mark: voter.marks.length > 0 ? markIn(voter.marks.at(-1)!) : "–",
          })}
        </p>
      ))}
    </div>
  );
}

/** What tells a member of the household from the others: age, gender, and the relative's name. */
function ShortFacts({ voter }: { voter: ScreenPopVoter }) {
  const facts = [
    voter.age !== null && t("age", { age: voter.age }),
    voter.gender && word("gender", voter.gender.toLowerCase()),
    voter.relative && `${relationOf(voter)}${isolated(voter.relative)}`,
  ];
  return <small>{facts.filter(Boolean).join(" · ")}</small>;
}

/** A voter in one row: the letter that chooses the voter, the name, what was said, and a menu of rarer outcomes. */
function Member({
  call,
  voter,
  index,
  choosable,
}: {
  call: AgentScreenPop;
  voter: ScreenPopVoter;
  index: number;
  choosable: boolean;
}) {
  const said = draftOf(call).value.voters[voter.id];
  const chosen = choosable && chosenOf(call) === voter.id;
  const isAddressed = voter.id === call.addressed;
  const last = voter.marks.at(-1);
  const [first, other] = spellings(voter);
  const otherOutcome = t("other-outcome-of", { name: isolated(first) });
  const person = (
    <span class="person">
      <span>
        <bdi>{shortened(first)}</bdi>{" "}
        {other && (
          <small class="local">
            <bdi>{shortened(other)}</bdi>
          </small>
        )}
      </span>
      {isAddressed ? (
        <small class="addressed">
          <Icon name="phone" /> {t(isConnecting() ? "next-voter" : "on-the-line")}
        </small>
      ) : (
        <ShortFacts voter={voter} />
      )}
    </span>
  );
  return (
    <li class={chosen ? "member chosen" : "member"}>
      {choosable ? (
        <button type="button" class="choose" aria-pressed={chosen} onClick={() => change(call, { chosen: voter.id })}>
          <kbd>{String.fromCharCode(65 + index)}</kbd> {person}
        </button>
      ) : (
        <div class="choose">{person}</div>
      )}
      {said ? (
        <strong class="chip said-of">
          ✓ {word("outcome", said.mark)} {said.hour !== undefined && t("at-hour", { hour: said.hour })}
        </strong>
      ) : (
        last && <span class="chip">{markIn(last)}</span>
      )}
      {choosable && (
        <Menu
          id={`other-outcome-${call.attempt}-${voter.id}`}
          label={otherOutcome}
          groups={[
            {
              label: otherOutcome,
              options: MORE_OF_VOTER.map((mark) => [mark, word("outcome", mark)]),
              choose: (mark) => recordVoter(call, voter.id, { mark }),
            },
          ]}
        >
          <Icon name="more" />
        </Menu>
      )}
    </li>
  );
}

/** All voters on the number: first those to ask about, then the others. */
export function Household({ call }: { call: AgentScreenPop }) {
  const pending = pendingOf(call);
  const others = call.voters.filter((voter) => !pending.includes(voter));
  return (
    <>
      {pending.length > 0 && (
        <>
          <h3>{t("household-pending", { voters: pending.length })}</h3>
          <ul class="household">
            {pending.map((voter, index) => (
              <Member key={voter.id} call={call} voter={voter} index={index} choosable={pending.length > 1} />
            ))}
          </ul>
        </>
      )}
      {others.length > 0 && (
        <>
          <h3>{t("household-others")}</h3>
          <ul class="household quiet">
            {others.map((voter) => (
              <Member key={voter.id} call={call} voter={voter} index={0} choosable={false} />
            ))}
          </ul>
        </>
      )}
    </>
  );
}

export function Closes({ booth }: { booth: ScreenPopBooth }) {
  const { opens_at: opens, closes_at: closes } = booth;
  if (closes === null) return null;
  const left = closes - now.value;
  const hours = opens === null ? hour(closes) : `${hour(opens)}–${hour(closes)}`;
  const told =
    left <= 0
      ? t("poll-closed", { hours })
      : opens !== null && opens > now.value
        ? t("poll-opens", { day: day(opens), hours })
        : left < DAY_SECONDS
          ? t("poll-closes", { hours, left: lasted(left) })
          : t("poll-opens", { day: day(closes), hours });
  return <p class={left < 3600 ? "closes near" : "closes"}>{told}</p>;
}

/** Whether the voter of the screen pop is not on the line yet. */
const isConnecting = () => Boolean(seat()?.preview || seat()?.dialling);

export function Who({ call }: { call: AgentScreenPop }) {
  const voter = call.voters.find((each) => each.id === call.addressed);
  const others = call.voters.length > (voter ? 1 : 0);
  return (
    <Section
      id="who"
      title={t(isConnecting() ? "next-voter" : "on-the-line")}
      aside={<span class="id">{call.masked}</span>}
    >
      <div class="name">{voter ? <Name voter={voter} /> : t(call.worker ? "booth-worker" : "not-in-list")}</div>
      {voter && <Facts voter={voter} />}
      <Elsewhere call={call} />
      {call.booth && (
        <div class="booth">
          <p>
            {t("booth")} <Text text={readable(call.booth.name, call.booth.name_local)} />,{" "}
            {t("part", { part: call.booth.part })}, <Text text={call.booth.constituency} />
          </p>
          <Closes booth={call.booth} />
        </div>
      )}
      {(others || (voter && !voter.pending)) && <Household call={call} />}
    </Section>
  );
}

/** Why the call is allowed, and what happened before it. */
export function About({ call }: { call: AgentScreenPop }) {
  const voter = call.voters.find((each) => each.id === call.addressed);
  const registers = (call.lawful?.registers ?? []).map((each) => each.name).join(", ");
  return (
    <Section id="about" title={t("about-call")}>
      {call.note && (
        <p class="note-before">
          <strong>{t("previous-note")}:</strong> <Text text={call.note.text} />
        </p>
      )}
      {call.lawful && (
        <p>
          <strong>{t("lawful")}:</strong> {t(`lawful-${call.lawful.code}`, { registers })}
        </p>
      )}
      {voter && voter.marks.length > 0 && (
        <>
          <h3>{t("marks")}</h3>
          <ul>
            {voter.marks.slice(-5).map((mark) => (
              <li key={`${mark.at}${mark.kind}`}>
                {day(mark.at)} {hour(mark.at)} · {markIn(mark)} · {word("source", mark.source)}
              </li>
            ))}
          </ul>
        </>
      )}
      <h3>{t("previous-calls", { calls: call.calls.length })}</h3>
      {call.calls.length > 0 && (
        <ul>
          {call.calls.map((each) => (
            <li key={each.at}>
              {day(each.at)} {hour(each.at)} · {word("ended", each.outcome)}
              {each.disposition && each.disposition !== "none" && ` · ${word("outcome", each.disposition)}`} ·{" "}
              <span class="id">{each.campaign}</span>
            </li>
          ))}
        </ul>
      )}
      {call.calls.length >= 10 && <p class="small">{t("previous-calls-latest", { calls: count(10) })}</p>}
    </Section>
  );
}
