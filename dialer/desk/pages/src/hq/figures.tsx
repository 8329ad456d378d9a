// Figures: tiles, a map of zones, and a drill-down from zones to booths, each figure with its age.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Section, Table } from "../shared/parts";
import { ask, isProblem, now } from "../shared/server";
import type { CentreRow } from "../shared/wire";
import { count, decimal, lasted, messageOf, moment, type PlainMessageId, percent, t } from "../shared/words";
import { AlertText } from "../staff/alert_text";
import {
  abandonedOf,
  addressOf,
  centres,
  contactsOf,
  faultsOf,
  hq,
  incidents,
  isHeard,
  LEVELS,
  type Level,
  listHoursOf,
  type Place,
  place,
  type Sum,
  sumOf,
  who,
} from "./state";

const NOT_KNOWN = "–";
const OLD_SECONDS = 60;

/** The age of a figure, such as 0:05 or 2:10:00; a date if older than a day. */
function Age({ at, old = OLD_SECONDS }: { at: number | null | undefined; old?: number }) {
  if (at == null) return <span class="age old">{t("never")}</span>;
  const seconds = now.value - at;
  return <time class={seconds > old ? "age old" : "age"}>{seconds > 86400 ? moment(at) : lasted(seconds)}</time>;
}

const share = (part: number | undefined) => (part === undefined ? NOT_KNOWN : percent(part));
const hours = (value: number | undefined) => (value === undefined ? NOT_KNOWN : t("hours", { hours: decimal(value) }));

function Tile({
  name,
  figure,
  bad,
  children,
}: {
  name: PlainMessageId;
  figure: string;
  bad?: boolean | undefined;
  children?: ComponentChildren;
}) {
  return (
    <div class={bad ? "tile bad" : "tile"}>
      <h2>{t(name)}</h2>
      <p class="figure">{figure}</p>
      {children}
    </div>
  );
}

function Tiles({ sum }: { sum: Sum }) {
  const stands = hq();
  const expected = stands?.expected;
  const contacts = contactsOf(sum.today);
  const target = stands?.contacts_per_seat_hour;
  const abandoned = abandonedOf(sum.today);
  const reached = sum.total ? sum.completed / sum.total : undefined;
  const voted = sum.contacted ? sum.voted / sum.contacted : undefined;
  const lasts = listHoursOf(sum);
  return (
    <div class="tiles">
      <Tile
        name="tile-seats"
        figure={count(sum.signed_in)}
        bad={sum.planned_seats > 0 && sum.signed_in < sum.planned_seats * 0.8}
      >
        <small>{sum.planned_seats ? t("of-planned", { planned: count(sum.planned_seats) }) : t("not-planned")}</small>
      </Tile>
      <Tile
        name="tile-contacts"
        figure={contacts === undefined ? NOT_KNOWN : decimal(contacts)}
        bad={!!target && contacts !== undefined && contacts < target * 0.8}
      >
        <small>{target ? t("of-target", { target: decimal(target) }) : t("no-target")}</small>
      </Tile>
      <Tile
        name="tile-abandoned"
        figure={share(abandoned)}
        bad={abandoned !== undefined && sum.abandoned_limit !== undefined && abandoned > sum.abandoned_limit}
      >
        <small>
          {sum.abandoned_limit === undefined ? t("no-cap") : t("of-cap", { cap: percent(sum.abandoned_limit) })}
        </small>
      </Tile>
      <Tile
        name="tile-completed"
        figure={share(reached)}
        bad={!!expected && reached !== undefined && reached < expected.contacted * 0.8}
      >
        <small>{expected ? t("of-expected", { share: percent(expected.contacted) }) : t("no-expected-curve")}</small>
      </Tile>
      <Tile
        name="tile-voted"
        figure={share(voted)}
        bad={!!expected && voted !== undefined && voted < expected.voted * 0.8}
      >
        <small>{expected ? t("of-expected", { share: percent(expected.voted) }) : t("no-expected-curve")}</small>
        <small>
          {sum.electors && sum.official_at !== undefined
            ? t("of-official", { share: percent(sum.official / sum.electors), at: moment(sum.official_at) })
            : t("no-official")}
        </small>
      </Tile>
      <Tile name="tile-time-left" figure={hours(lasts)}>
        <small>{t("list-left", { due: count(sum.remaining), left: decimal(stands?.hours_left ?? 0) })}</small>
      </Tile>
      <Tile name="tile-online" figure={`${count(sum.heard)} / ${count(sum.centres)}`} bad={sum.heard < sum.centres}>
        <small>{t("oldest-results")}</small> <Age at={sum.committed_at} old={300} />
      </Tile>
      <Tile
        name="tile-lag"
        figure={sum.lag === undefined ? NOT_KNOWN : t("seconds", { seconds: decimal(sum.lag) })}
        bad={(sum.lag ?? 0) > 5}
      >
        <small>{t("lag-help")}</small>
      </Tile>
    </div>
  );
}

/** Return the problems of a centre as text. */
const told = (centre: CentreRow) => {
  const { words } = faultsOf(centre);
  return words.length ? words.map((each) => messageOf(`fault-${each}`)).join(", ") : t("fault-none");
};

/** Zones as tiles with a coloured square for each centre, which has a text alternative. */
function ZoneMap({ every }: { every: CentreRow[] }) {
  const zones = [...new Set(every.map((centre) => centre.zone))].sort();
  return (
    <Section id="map" title={t("map")} aside={<Legend />}>
      <ul class="zones">
        {zones.map((zone) => {
          const own = every.filter((centre) => centre.zone === zone);
          const bad = own.filter((centre) => faultsOf(centre).level === "bad").length;
          return (
            <li key={zone} class={at().zone === zone ? "zone chosen" : "zone"}>
              <a href={addressOf({ zone })}>{zone}</a> <small>{t("zone-bad", { bad, centres: own.length })}</small>
              <ul class="squares">
                {own.map((centre) => (
                  <li key={centre.centre}>
                    <a
                      class={`square ${faultsOf(centre).level}`}
                      href={addressOf({
                        zone,
                        ...(centre.state ? { state: centre.state } : {}),
                        centre: centre.centre,
                      })}
                      aria-label={`${centre.centre}: ${told(centre)}`}
                      title={`${centre.centre}: ${told(centre)}`}
                    />
                  </li>
                ))}
              </ul>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

function Legend() {
  return (
    <ul class="legend">
      {LEVELS.map((level) => (
        <li key={level}>
          <i class={`dot ${level}`} aria-hidden="true" /> {t(`level-${level}`)}
        </li>
      ))}
    </ul>
  );
}

/** Return the chosen place. Users of one zone start in their zone. */
const at = (): Place => (who().of_zone ? { ...place.value, zone: who().of_zone } : place.value);

function Path() {
  const there = at();
  const zone = who().of_zone;
  let so: Place = zone ? { zone } : {};
  const steps: [string, Place][] = [[zone || t("all-zones"), so]];
  for (const step of (zone
    ? ["state", "centre", "constituency"]
    : ["zone", "state", "centre", "constituency"]) as (keyof Place)[]) {
    const name = there[step];
    if (!name) continue;
    so = { ...so, [step]: name };
    steps.push([step === "constituency" ? name.replace(".", " ") : name, so]);
  }
  return (
    <nav aria-label={t("path")}>
      <ol class="path">
        {steps.map(([name, to], depth) => (
          <li key={name + depth}>
            {depth === steps.length - 1 ? <b aria-current="location">{name}</b> : <a href={addressOf(to)}>{name}</a>}
          </li>
        ))}
      </ol>
    </nav>
  );
}

const order = signal("problems");

/** Return the contacts per seat-hour adjusted to the common answer rate, because a poor list is not the agents' fault. */
const adjusted = (centre: CentreRow, answers: number) => {
  const own = centre.today?.attempts ? centre.today.live_answers / centre.today.attempts : 0;
  return own && answers ? ((contactsOf(centre.today) ?? 0) * answers) / own : 0;
};

interface Group {
  name: string;
  to: Place;
  own: CentreRow[];
}

function groupsAt(there: Place, every: CentreRow[]): { kind: PlainMessageId; groups: Group[] } {
  const by = (kind: PlainMessageId, of: (centre: CentreRow) => string, to: (name: string) => Place) => {
    const names = [...new Set(every.map(of))].sort(new Intl.Collator("en", { numeric: true }).compare);
    return {
      kind,
      groups: names.map((name) => ({ name, to: to(name), own: every.filter((centre) => of(centre) === name) })),
    };
  };
  if (!there.zone)
    return by(
      "zone",
      (centre) => centre.zone,
      (zone) => ({ zone }),
    );
  const states = new Set(every.map((centre) => centre.state ?? ""));
  if (!there.state && states.size > 1)
    return by(
      "state",
      (centre) => centre.state || NOT_KNOWN,
      (state) => ({ ...there, state: state === NOT_KNOWN ? "_" : state }),
    );
  return by(
    "centre",
    (centre) => centre.centre,
    (centre) => ({ ...there, centre }),
  );
}

const COLUMNS: PlainMessageId[] = [
  "age-live",
  "age-results",
  "seats",
  "contacts",
  "abandoned",
  "reached",
  "voted",
  "list",
  "material",
  "state-of",
];

function Rows({ every }: { every: CentreRow[] }) {
  const { kind, groups } = groupsAt(at(), every);
  const whole = sumOf(every).today;
  const answers = whole.attempts ? whole.live_answers / whole.attempts : 0;
  const levelOf = (group: Group) => Math.min(...group.own.map((centre) => LEVELS.indexOf(faultsOf(centre).level)));
  const bads = (group: Group) => group.own.filter((centre) => faultsOf(centre).level === "bad").length;
  const workOf = (group: Group) =>
    group.own.reduce((most, centre) => most + adjusted(centre, answers), 0) / (group.own.length || 1);
  const sorted = [...groups];
  if (order.value === "problems") sorted.sort((a, b) => levelOf(a) - levelOf(b) || bads(b) - bads(a));
  if (order.value === "work") sorted.sort((a, b) => workOf(b) - workOf(a));
  return (
    <>
      <label>
        {t("order-by")}{" "}
        <select value={order.value} onChange={(event) => (order.value = event.currentTarget.value)}>
          {(["problems", "name", "work"] as const).map((each) => (
            <option key={each} value={each}>
              {t(`order-${each}`)}
            </option>
          ))}
        </select>
      </label>
      <Table of="rows" names={[kind, ...COLUMNS]} right={(place, name) => place > 0 && name !== "state-of"}>
        {sorted.map((group) => (
          <Row key={group.name} group={group} level={LEVELS[levelOf(group)] ?? "none"} />
        ))}
      </Table>
    </>
  );
}

function Row({ group, level }: { group: Group; level: Level }) {
  const sum = sumOf(group.own);
  const contacts = contactsOf(sum.today);
  const lasts = listHoursOf(sum);
  const open = incidents().filter((each) =>
    group.own.some((centre) => centre.centre === each.centre || (!each.centre && centre.zone === each.zone)),
  ).length;
  const single = group.own.length === 1 ? group.own[0] : undefined;
  const counted = (word: string) => group.own.filter((centre) => faultsOf(centre).words.includes(word)).length;
  const words = [...new Set(group.own.flatMap((centre) => faultsOf(centre).words))].map((word) =>
    single ? messageOf(`fault-${word}`) : `${messageOf(`fault-${word}`)} (${counted(word)})`,
  );
  return (
    <tr>
      <th scope="row">
        <i class={`dot ${level}`} aria-hidden="true" />
        <a href={addressOf(group.to)}>{group.name}</a>
      </th>
      <td class="right">
        <Age at={sum.live_at} />
      </td>
      <td class="right">
        <Age at={sum.committed_at} old={300} />
      </td>
      <td class="right">
        {sum.planned_seats ? `${count(sum.signed_in)} / ${count(sum.planned_seats)}` : count(sum.signed_in)}
      </td>
      <td class="right">{contacts === undefined ? NOT_KNOWN : decimal(contacts)}</td>
      <td class="right">{share(abandonedOf(sum.today))}</td>
      <td class="right">{sum.total ? percent(sum.completed / sum.total) : NOT_KNOWN}</td>
      <td class="right">
        {sum.contacted ? percent(sum.voted / sum.contacted) : NOT_KNOWN}{" "}
        <small>{sum.electors ? t("official-short", { share: percent(sum.official / sum.electors) }) : ""}</small>
      </td>
      <td class="right">
        {count(sum.remaining)} <small>{lasts === undefined ? "" : hours(lasts)}</small>
      </td>
      <td class="right">
        {single ? (single.material ?? NOT_KNOWN) : sum.behind ? t("material-behind", { behind: sum.behind }) : ""}
      </td>
      <td class="wraps">
        {words.join(", ")} {open ? <a href={addressOf(group.to, "incidents")}>{t("incidents-open", { open })}</a> : ""}
      </td>
    </tr>
  );
}

// Constituencies and booths of a centre: requested, and refreshed while shown.

interface Area {
  state_code?: string;
  constituency_number?: number;
  part_number?: number;
  contacted: number;
  voted: number;
  not_yet: number;
  at: number | null;
  share: number | null;
  official_at: number | null;
}
const areas = signal<Area[] | null>(null);
const AGAIN_MS = 15_000;

function Areas({ centre, constituency }: { centre: string; constituency?: string }) {
  const [state = "", number = ""] = (constituency ?? "").split(".");
  const asked = new URLSearchParams(constituency ? { centre, state, constituency: number } : { centre });
  const path = `/api/hq/${constituency ? "booths" : "constituencies"}?${asked}`;
  useEffect(() => {
    let gone = false;
    areas.value = null;
    const look = () =>
      void ask<Area[]>("GET", path).then((found) => {
        if (!gone && !isProblem(found)) areas.value = found;
      });
    look();
    const again = setInterval(look, AGAIN_MS);
    return () => {
      gone = true;
      clearInterval(again);
    };
  }, [path]);
  if (!areas.value) return null;
  if (!areas.value.length) return <p>{t("no-areas")}</p>;
  return (
    <Table
      of="rows"
      names={[
        constituency ? "booth" : "constituency",
        "reached-voters",
        "voted-voters",
        "voted",
        "not-yet",
        "official",
        "age-figure",
      ]}
      right={(place) => place > 0}
    >
      {areas.value.map((area) => {
        const name = constituency ? `${number}/${area.part_number}` : `${area.state_code} ${area.constituency_number}`;
        const to = { ...at(), constituency: `${area.state_code}.${area.constituency_number}` };
        return (
          <tr key={name}>
            <th scope="row">{constituency ? name : <a href={addressOf(to)}>{name}</a>}</th>
            <td class="right">{count(area.contacted)}</td>
            <td class="right">{count(area.voted)}</td>
            <td class="right">{area.contacted ? percent(area.voted / area.contacted) : NOT_KNOWN}</td>
            <td class="right">{count(area.not_yet)}</td>
            <td class="right">
              {area.share === null ? NOT_KNOWN : percent(area.share)}{" "}
              <small>{area.official_at === null ? "" : moment(area.official_at)}</small>
            </td>
            <td class="right">
              <Age at={area.at} old={3600} />
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

function CentreNow({ centre }: { centre: CentreRow }) {
  const facts: [PlainMessageId, ComponentChildren][] = [
    ["state-of", told(centre)],
    ["age-live", <Age at={centre.live_at} />],
    ["age-results", <Age at={centre.committed_at} old={300} />],
    [
      "campaigns",
      Object.entries(centre.campaigns ?? {})
        .map(([name, state]) => messageOf(`campaign-${state}`, { campaign: name }))
        .join(", ") || NOT_KNOWN,
    ],
    ["live-calls", count(centre.calls ?? 0)],
    ["material", `${centre.material ?? NOT_KNOWN} / ${centre.assigned_material ?? NOT_KNOWN}`],
    [
      "lag",
      centre.opt_out_lag_seconds == null ? NOT_KNOWN : t("seconds", { seconds: decimal(centre.opt_out_lag_seconds) }),
    ],
    ["lost", count(centre.lost_rows ?? 0)],
  ];
  return (
    <>
      <dl class="pairs">
        {facts.map(([name, fact]) => (
          <div key={name}>
            <dt>{t(name)}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
      </dl>
      {[centre.problem, centre.material_problem].filter(Boolean).map((text) => (
        <p key={text} class="problem" lang="en">
          {text}
        </p>
      ))}
      {!!centre.alerts?.length && (
        <ul class="alerts" aria-label={t("alerts")}>
          {centre.alerts.map((alert) => (
            <li key={alert.code} class={`alert ${alert.level}`}>
              <AlertText alert={alert} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

export function Figures() {
  const there = at();
  const every = centres();
  const below = every.filter(
    (centre) =>
      (!there.zone || centre.zone === there.zone) &&
      (!there.state || (centre.state ?? "_") === there.state) &&
      (!there.centre || centre.centre === there.centre),
  );
  const centre = there.centre ? below[0] : undefined;
  return (
    <>
      <Tiles sum={sumOf(below)} />
      {!there.centre && <ZoneMap every={every} />}
      <Section
        id="rows"
        title={t(there.constituency ? "booths" : there.centre ? "constituencies" : "centres-by")}
        aside={<Path />}
      >
        {centre && !there.constituency && <CentreNow centre={centre} />}
        {there.centre ? (
          <Areas centre={there.centre} {...(there.constituency ? { constituency: there.constituency } : {})} />
        ) : (
          <Rows every={below} />
        )}
      </Section>
      {!every.length && <p>{t("no-centres")}</p>}
      {!isHeardAny(every) && every.length > 0 && <p>{t("none-online")}</p>}
    </>
  );
}

const isHeardAny = (every: CentreRow[]) => every.some(isHeard);
