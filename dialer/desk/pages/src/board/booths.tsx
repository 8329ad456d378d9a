import { signal } from "@preact/signals";
import { narrowing } from "../shared/address";
import { Section, Table } from "../shared/parts";
import { ask, isProblem, namesOf, value } from "../shared/server";
import type { BoothTurnout } from "../shared/wire";
import { count, percent, t } from "../shared/words";

const SHOWN = 40;
/** A number such as "209" or "209/118" is stored in the address; a name, which may be a person's, is not. */
const wanted = narrowing("booth", /^[0-9]{1,4}(\/[0-9]{0,5})?$/);
const order = signal<"behind" | "place">("behind");

const shareOf = (booth: BoothTurnout) => (booth.contacted ? booth.voted / booth.contacted : 1);
/** The names of constituency and booth by the booth's id. Requested once: they do not change within a day. */
const called = signal<Record<string, [string, string]>>({});
export async function loadBoothNames(): Promise<void> {
  const found = await ask<Record<string, [string, string]>>("GET", "/api/board/booths");
  if (!isProblem(found)) called.value = found;
}
const nameOf = (booth: BoothTurnout) => (called.value[booth.booth_id] ?? []).filter(Boolean).join(", ");

const placeOf = (booth: BoothTurnout) => `${booth.constituency_number}/${booth.part_number}`;

export function Booths() {
  const every = namesOf("booth").flatMap((name) => value<BoothTurnout>(`booth/${name}`) ?? []);
  const sought = wanted.value.trim().toLowerCase();
  const found = every.filter(
    (booth) => placeOf(booth).startsWith(sought) || nameOf(booth).toLowerCase().includes(sought),
  );
  found.sort((a, b) =>
    order.value === "behind"
      ? shareOf(a) - shareOf(b) || b.contacted - a.contacted
      : a.constituency_number - b.constituency_number || a.part_number - b.part_number,
  );
  const [reached, voted] = [
    found.reduce((whole, booth) => whole + booth.contacted, 0),
    found.reduce((whole, booth) => whole + booth.voted, 0),
  ];
  return (
    <Section
      id="booths"
      title={t("booths")}
      aside={<span>{t("booths-summary", { booths: found.length, voted: count(voted), reached: count(reached) })}</span>}
    >
      <div class="row">
        <label>
          {t("booth-find")}{" "}
          <input size={12} value={wanted.value} onInput={(event) => (wanted.value = event.currentTarget.value)} />
        </label>
        <label>
          {t("booth-order")}{" "}
          <select
            value={order.value}
            onChange={(event) => (order.value = event.currentTarget.value as "behind" | "place")}
          >
            <option value="behind">{t("booth-order-behind")}</option>
            <option value="place">{t("booth-order-place")}</option>
          </select>
        </label>
      </div>
      <Table
        of="booths"
        names={["booth", "voters", "reached", "voted", "not-yet", "voted-share"]}
        right={(place) => place > 0}
      >
        {found.slice(0, SHOWN).map((booth) => (
          <tr key={booth.booth_id}>
            <th scope="row" class="booth">
              {placeOf(booth)} <small>{nameOf(booth)}</small>
            </th>
            <td class="right">{count(booth.voters)}</td>
            <td class="right">{count(booth.contacted)}</td>
            <td class="right">{count(booth.voted)}</td>
            <td class="right">{count(booth.not_yet)}</td>
            <td class="right">{booth.contacted ? percent(booth.voted / booth.contacted) : "–"}</td>
          </tr>
        ))}
      </Table>
      {found.length > SHOWN && <small>{t("booths-more", { more: found.length - SHOWN })}</small>}
    </Section>
  );
}
