// Who has signed in: the own password; and for a supervisor, everybody else. Fetched when it is opened first.
import { Passkeys, Password } from "../staff/own_account";
import { offered } from "../staff/passkeys";
import { me } from "../shared/server";
import { Users } from "./users";

export function Account() {
  return (
    <main>
      <Password />
      {offered && <Passkeys />}
      {me.value?.role === "supervisor" && <Users />}
    </main>
  );
}
