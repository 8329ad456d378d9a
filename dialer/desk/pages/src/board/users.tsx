// The users and how a supervisor manages them. Changes of rights are commands to the dialler.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { askQuestion, Choice, problemText, Section, showNotice, submittedForm, Table } from "../shared/parts";
import { ask, isProblem, me } from "../shared/server";
import { messageOf, moment, t, word } from "../shared/words";
import { Actions, send } from "./commands";
import { OneTimeSecret } from "./one_time_secret";

interface User {
  name: string;
  role: string;
  fixed: boolean; // defined in the settings: no command changes this user
  password: "none" | "once" | "own";
  signed_in_at: number | null;
  passkeys: number;
}

const ROLES = ["viewer", "listener", "coach", "compliance", "supervisor"];
const roles = () => ROLES.map((role): [string, string] => [role, word("role", role)]);

const users = signal<User[]>([]);
/** A new password, which is shown once and stored nowhere. */
const made = signal<{ name: string; password: string } | null>(null);

async function look(): Promise<void> {
  const found = await ask<User[]>("GET", "/api/users");
  if (isProblem(found)) showNotice(problemText(found), true);
  else users.value = found;
}

async function command(path: string, values: Record<string, string>): Promise<boolean> {
  const done = await send(path, values);
  await look();
  return done;
}

async function givePassword(name: string): Promise<void> {
  const answer = await ask<{ password: string }>("POST", "/api/users/password", { name });
  if (isProblem(answer)) showNotice(problemText(answer), true);
  else made.value = { name, password: answer.password };
  await look();
}

async function signOutEverywhere(name: string): Promise<void> {
  const answer = await ask("POST", "/api/users/sign-out", { name });
  if (isProblem(answer)) showNotice(problemText(answer), true);
  else showNotice(t("signed-out-everywhere", { name }));
}

async function add(name: string, role: string): Promise<void> {
  if (await command("/api/users", { name, role })) await givePassword(name);
}

/** Return the actions for a user, each after a question. */
function offered({ name, role, fixed }: User): [string, () => void][] {
  const asking = (
    what: string,
    grave: boolean,
    onConfirm: (chosen: string) => void,
    choices?: { label: string; options: [string, string][] },
  ) => {
    const [title, text] = [messageOf(`user-${what}`), messageOf(`ask-user-${what}`, { name })];
    return (): void => askQuestion({ title, text, grave, onConfirm, ...(choices ? { choices } : {}) });
  };
  const others = roles().filter(([each]) => each !== role);
  const signOut: [string, () => void] = [
    t("user-sign-out"),
    asking("sign-out", true, () => void signOutEverywhere(name)),
  ];
  if (fixed || name === me.value?.name) return [signOut];
  const password: [string, () => void] = [t("user-password"), asking("password", true, () => void givePassword(name))];
  if (me.value?.signs) return [signOut];
  return [
    [
      t("user-role"),
      asking("role", false, (chosen) => void command("/api/users", { name, role: chosen }), {
        label: t("role"),
        options: others,
      }),
    ],
    password,
    signOut,
    [t("user-remove"), asking("remove", true, () => void command("/api/users/remove", { name }))],
  ];
}

function Made() {
  if (!made.value) return null;
  const { name, password } = made.value;
  return (
    <OneTimeSecret
      title={t("new-password-title", { name })}
      secret={password}
      help={t("new-password-help")}
      copy={t("copy")}
      copied={t("copied")}
      forget={() => (made.value = null)}
    />
  );
}

function Add() {
  const ask = (event: Event) => {
    const form = submittedForm(event);
    const given = new FormData(form);
    const [name, role] = [String(given.get("name")), String(given.get("role"))];
    const [title, text] = [t("user-add"), t("ask-user-add", { name, role: word("role", role) })];
    askQuestion({ title, text, onConfirm: () => void add(name, role).then(() => form.reset()) });
  };
  return (
    <form class="row fields" onSubmit={ask}>
      <label>
        {t("user-name")}
        <input
          name="name"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          pattern="[a-z0-9][a-z0-9\-]{0,31}"
          title={t("user-name-help")}
          required
        />
      </label>
      <Choice name="role" label={t("role")} options={roles()} />
      <button type="submit">{t("user-add")}</button>
    </form>
  );
}

export function Users() {
  useEffect(() => void look(), []);
  return (
    <Section id="users" title={t("users")}>
      {me.value?.signs ? <p>{t("commands-signed")}</p> : <Add />}
      <Table of="users" names={["user-name", "role", "sign-in-by", "signed-in-at"]} unseen="user-actions">
        {users.value.map((user) => (
          <tr key={user.name}>
            <th scope="row">
              {user.name} {user.fixed && <small>{t("user-fixed")}</small>}
            </th>
            <td>{word("role", user.role)}</td>
            <td>{[t(`password-${user.password}`), ...(user.passkeys ? [t("passkey")] : [])].join(", ")}</td>
            <td>{user.signed_in_at === null ? "–" : moment(user.signed_in_at)}</td>
            <td class="right">
              <Actions id={`user-${user.name}`} title={t("user-menu", { name: user.name })} actions={offered(user)} />
            </td>
          </tr>
        ))}
      </Table>
      <small>{t("users-help")}</small>
      <Made />
    </Section>
  );
}
