import { LanguageChoice } from "../shared/parts";
import { me, signOut } from "../shared/server";
import { t, word } from "../shared/words";

/** A button with the user's name that opens a menu: own account, language, sign out. */
export function AccountMenu() {
  return (
    <>
      <button type="button" class="who" popovertarget="account-menu">
        {me.value?.name} <span aria-hidden="true">▾</span>
      </button>
      <div id="account-menu" popover="auto" class="menu">
        <p>{word("role", me.value?.role ?? "")}</p>
        <a href="/board?account">{t("to-account")}</a>
        <LanguageChoice />
        <button type="button" onClick={() => void signOut()}>
          {t("sign-out")}
        </button>
      </div>
    </>
  );
}
