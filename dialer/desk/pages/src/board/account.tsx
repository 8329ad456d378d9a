// The user's own password and passkeys, and for a supervisor the other users. Loaded when first opened.

import { me } from "../shared/server";
import { Passkeys, Password } from "../staff/own_account";
import { offered } from "../staff/passkeys";
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
