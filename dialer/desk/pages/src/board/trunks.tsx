import { Section, Table } from "../shared/parts";
import { count, decimal, percent, t, word } from "../shared/words";
import { centre } from "./state";

export function Trunks() {
  const trunks = centre()?.trunks ?? [];
  return (
    <Section id="trunks" title={t("trunks")}>
      <Table
        of="trunks"
        names={["trunk", "trunk-state", "channels", "asr", "cps", "ringing", "failures"]}
        right={(place) => place > 1}
      >
        {trunks.map((trunk) => (
          <tr key={trunk.trunk}>
            <th scope="row">{trunk.trunk}</th>
            <td>{word("trunk", trunk.state)}</td>
            <td class="right">
              {count(trunk.channels_used)}/{count(trunk.channels)}
            </td>
            <td class="right">{trunk.attempts ? percent(trunk.answer_seizure_ratio) : "–"}</td>
            <td class="right">{decimal(trunk.calls_per_second)}</td>
            <td class="right">
              {trunk.ringing_seconds === null ? "–" : t("seconds", { seconds: decimal(trunk.ringing_seconds) })}
            </td>
            <td class="right">{count(trunk.failures)}</td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}
