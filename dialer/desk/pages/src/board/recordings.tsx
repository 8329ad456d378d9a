// Recorded calls, the newest first, and a player. Loaded when first opened.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { problemText, Section, showNotice, Table } from "../shared/parts";
import { ask, isProblem, me } from "../shared/server";
import { lasted, moment, t } from "../shared/words";
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
}
interface Listed {
  recordings: Talk[];
  before: number | null;
}

const listed = signal<Listed>({ recordings: [], before: null });
const playing = signal("");

/** Load the recordings of the chosen campaign; with `before`, append older ones. */
async function look(before: number | null): Promise<void> {
  const query = new URLSearchParams({
    ...(chosen.value ? { campaign: chosen.value } : {}),
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

function Row({ talk }: { talk: Talk }) {
  return (
    <tr>
      <th scope="row">{moment(talk.at)}</th>
      <td>{lasted(talk.seconds)}</td>
      <td>{talk.campaign}</td>
      <td>{talk.seat}</td>
      <td>{talk.agent}</td>
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
  useEffect(() => void look(null), [chosen.value]);
  const { recordings, before } = listed.value;
  return (
    <main>
      {me.value?.signs && <p>{t("commands-signed")}</p>}
      <Section id="recordings" title={t("to-recordings")}>
        <p class="small">{t("recordings-help")}</p>
        {recordings.length === 0 ? (
          <p>{t("recordings-none")}</p>
        ) : (
          <Table
            of="recordings"
            names={["recorded-at", "recorded-duration", "campaign", "recorded-seat", "recorded-agent"]}
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
