// Readiness before the poll: which centres' test marks have arrived.
import { Section, Table } from "../shared/parts";
import { now } from "../shared/server";
import type { CentreRow } from "../shared/wire";
import { decimal, moment, t } from "../shared/words";
import { centres, isHeard } from "./state";

const WEEK_SECONDS = 7 * 86_400;
const wasTested = (centre: CentreRow) => centre.test_sent_at != null && now.value - centre.test_sent_at < WEEK_SECONDS;

export function Ready() {
  const every = centres();
  const missing = every.filter((centre) => !wasTested(centre));
  const sorted = [...missing, ...every.filter(wasTested)];
  return (
    <Section
      id="ready"
      title={t("ready")}
      aside={<span>{t("ready-summary", { ready: every.length - missing.length, centres: every.length })}</span>}
    >
      <p>{t("ready-help")}</p>
      <Table of="ready" names={["centre", "zone", "test-mark", "transit-time", "connection", "material"]}>
        {sorted.map((centre) => (
          <tr key={centre.centre}>
            <th scope="row">
              <i class={`dot ${wasTested(centre) ? "good" : "bad"}`} aria-hidden="true" />
              {centre.centre}
            </th>
            <td>{centre.zone}</td>
            <td>{centre.test_sent_at == null ? t("test-never") : moment(centre.test_sent_at)}</td>
            <td>
              {centre.test_sent_at != null && centre.test_committed_at != null
                ? t("seconds", { seconds: decimal(Math.max(0, centre.test_committed_at - centre.test_sent_at)) })
                : "–"}
            </td>
            <td>{t(isHeard(centre) ? "centre-online" : "centre-offline")}</td>
            <td>{centre.material ?? "–"}</td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}
