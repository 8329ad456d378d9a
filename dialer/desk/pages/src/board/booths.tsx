import { signal } from "@preact/signals";
import { Section } from "../shared/parts";
import { namesOf, value } from "../shared/server";
import { count, percent, t } from "../shared/words";
import type { Booth } from "./wire";

const SHOWN = 40;
const wanted = signal("");
const order = signal<"behind" | "place">("behind");

const shareOf = (booth: Booth) => (booth.reached ? booth.voted / booth.reached : 1);
const placeOf = (booth: Booth) => `${booth.constituency_number}/${booth.part_number}`;

export function Booths() {
  const every = namesOf("booth").flatMap((name) => value<Booth>(`booth/${name}`) ?? []);
  const found = every.filter((booth) => placeOf(booth).startsWith(wanted.value.trim()));
  found.sort((a, b) =>
    order.value === "behind"
      ? shareOf(a) - shareOf(b) || b.reached - a.reached
      : a.constituency_number - b.constituency_number || a.part_number - b.part_number,
  );
  const [reached, voted] = [every.reduce((whole, booth) => whole + booth.reached, 0), every.reduce((whole, booth) => whole + booth.voted, 0)];
  return (
    <Section
      id="booths"
      title={t("booths")}
      aside={<span>{t("booths-whole", { booths: every.length, voted: count(voted), reached: count(reached) })}</span>}
    >
      <div class="row">
        <label>
          {t("booth-find")}{" "}
          <input size={8} value={wanted.value} onInput={(event) => (wanted.value = event.currentTarget.value)} />
        </label>
        <label>
          {t("booth-order")}{" "}
          <select value={order.value} onChange={(event) => (order.value = event.currentTarget.value as "behind" | "place")}>
            <option value="behind">{t("booth-order-behind")}</option>
            <option value="place">{t("booth-order-place")}</option>
          </select>
        </label>
      </div>
      <div class="scrolls" tabIndex={0} role="group" aria-labelledby="booths-title">
        <table>
          <thead>
            <tr>
              <th scope="col">{t("booth")}</th>
              {["voters", "reached", "voted", "not-yet", "voted-share"].map((name) => (
                <th key={name} scope="col" class="right">
                  {t(name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {found.slice(0, SHOWN).map((booth) => (
              <tr key={booth.booth}>
                <th scope="row">{placeOf(booth)}</th>
                <td class="right">{count(booth.voters)}</td>
                <td class="right">{count(booth.reached)}</td>
                <td class="right">{count(booth.voted)}</td>
                <td class="right">{count(booth.not_yet)}</td>
                <td class="right">{booth.reached ? percent(booth.voted / booth.reached) : "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.length > SHOWN && <small>{t("booths-more", { more: found.length - SHOWN })}</small>}
    </Section>
  );
}
