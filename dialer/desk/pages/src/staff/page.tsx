// The header of the pages next to the board, and the frame of those that change files.
import type { ComponentChildren } from "preact";
import { AccountMenu } from "../board/account_menu";
import { Alert, Notice, problemText, QuestionDialog } from "../shared/parts";
import { isProblem, me, type Problem } from "../shared/server";
import { areLoaded, type PlainMessageId, t } from "../shared/words";
import { SignIn } from "./sign_in";

/** Links of a header: the text of each, and its address. */
export type Links = [PlainMessageId, string][];

/** The header of a page: title, the page's own navigation, links to other pages, and the user's menu. */
export function PageHeader({ links, children }: { links: Links; children?: ComponentChildren }) {
  return (
    <header>
      <h1>
        {t("title")} <span class="id">{me.value?.centre}</span>
      </h1>
      {children}
      {links.map(([text, address]) => (
        <a key={address} class="who" href={address}>
          {t(text)}
        </a>
      ))}
      <AccountMenu />
    </header>
  );
}

/**
 * A page with what the desk answered (`found`), or with the problem. It shows nothing until the desk has answered, and the sign-in
 * form to users who are not signed in.
 */
export function EditingPage<Found extends object>({
  links,
  found,
  children,
}: {
  links: Links;
  found: Found | Problem | null;
  children: (found: Found) => ComponentChildren;
}) {
  if (!areLoaded.value || me.value === undefined) return null;
  if (me.value === null) return <SignIn />;
  if (found === null) return null;
  return (
    <>
      <PageHeader links={links} />
      <main>{isProblem(found) ? <Alert text={problemText(found)} /> : children(found)}</main>
      <Notice />
      <QuestionDialog />
    </>
  );
}
