// Recorded calls, the newest first, and a player. Loaded when first opened.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { problemText, Section, showNotice, Table } from "../shared/parts";
import { ask, isProblem, me } from "../shared/server";
import { lasted, moment, t } from "../shared/words";
import { CampaignFilter } from "./campaign_filter";
import { send } from "./commands";
import { chosen } from "./state";
import "../staff/account.css";

interface Talk {
  attempt: string;
  campaign: string;
  at: number;
  seconds: number;
  seat: string;
  agent: string;
  judged: "person" | "machine" | "open" | null;
}
interface Listed {
  recordings: Talk[];
  before: number | null;
}

const listed = signal<Listed>({ recordings: [], before: null });
const playing = signal("");
/** List only calls taken for answering machines for which nobody has recorded who answered. */
const unjudged = signal(false);

/** Load the recordings of the chosen campaign; with `before`, append older ones. */
async function look(before: number | null): Promise<void> {
  const query = new URLSearchParams({
    ...(chosen.value ? { campaign: chosen.value } : {}),
    ...(unjudged.value ? { unjudged: "true" } : {}),
    ...(before ? { before: String(before) } : {}),
  });
  const found = await ask<Listed>("GET", `/api/recordings?${query}`);
  if (isProblem(found)) showNotice(problemText(found), true);
  else listed.value = before ? { ...found, recordings: [...listed.value.recordings, ...found.recordings] } : found;
}

async function play(attempt: string): Promise<void> {
  playing.value = "";
  if (await send("/api/recordings/play", { attempt })) playing.value = attempt;
}

/** Store who answered a call that detection took for a machine, and show it in the list. */
async function judge(attempt: string, answered_by: "person" | "machine"): Promise<void> {
  if (!(await send("/api/recordings/judge", { attempt, answered_by }))) return;
  const recordings = listed.value.recordings.map((talk) =>
    talk.attempt === attempt ? { ...talk, judged: answered_by } : talk,
  );
  listed.value = { ...listed.value, recordings };
}

/** Who answered a call taken for a machine. Both choices appear once the recording is playing. */
function Judgement({ talk }: { talk: Talk }) {
  if (talk.judged === null) return null;
  if (playing.value !== talk.attempt) return <>{t(`judged-${talk.judged}`)}</>;
  return (
    <>
      {(["person", "machine"] as const).map((who) => (
        <button
          type="button"
          key={who}
          aria-pressed={talk.judged === who}
          disabled={me.value?.signs}
          onClick={() => void judge(talk.attempt, who)}
        >
          {t(`judged-${who}`)}
        </button>
      ))}
    </>
  );
}

function Row({ talk }: { talk: Talk }) {
  return (
    <tr>
      <th scope="row">{moment(talk.at)}</th>
      <td>{lasted(talk.seconds)}</td>
      <td>{talk.campaign}</td>
      <td>{talk.seat}</td>
      <td>{talk.agent}</td>
      <td>
        <Judgement talk={talk} />
      </td>
      <td class="right">
        {playing.value === talk.attempt ? (
          <audio
            controls
            controlsList="nodownload"
            autoplay
            src={`/api/recordings/${talk.attempt}`}
            aria-label={t("recording-of", { at: moment(talk.at) })}
          />
        ) : (
          <button
            type="button"
            disabled={me.value?.signs}
            aria-label={t("recording-play-of", { at: moment(talk.at) })}
            onClick={() => void play(talk.attempt)}
          >
            {t("do-recording-play")}
          </button>
        )}
      </td>
    </tr>
  );
}

export function Recordings() {
  useEffect(() => void look(null), [chosen.value, unjudged.value]);
  const { recordings, before } = listed.value;
  return (
    <main>
      {me.value?.signs && <p>{t("commands-signed")}</p>}
      <Section id="recordings" title={t("to-recordings")}>
        <p class="small">{t("recordings-help")}</p>
        <div class="row">
          <CampaignFilter />
          <label>
            <input
              type="checkbox"
              checked={unjudged.value}
              onChange={(event) => {
                unjudged.value = event.currentTarget.checked;
              }}
            />{" "}
            {t("recordings-unjudged")}
          </label>
        </div>
        {recordings.length === 0 ? (
          <p>{t(unjudged.value ? "recordings-none-unjudged" : "recordings-none")}</p>
        ) : (
          <Table
            of="recordings"
            names={["recorded-at", "recorded-duration", "campaign", "recorded-seat", "recorded-agent", "judged-who"]}
            unseen="do-recording-play"
          >
            {recordings.map((talk) => (
              <Row key={talk.attempt} talk={talk} />
            ))}
          </Table>
        )}
        {before !== null && (
          <button type="button" onClick={() => void look(before)}>
            {t("recordings-older")}
          </button>
        )}
      </Section>
    </main>
  );
}
