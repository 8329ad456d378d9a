// A dialog that shows a new password or PIN once, with a button that copies it.
import { useEffect, useRef } from "preact/hooks";
import { showNotice } from "../shared/parts";
import { t } from "../shared/words";

interface Texts {
  title: string;
  secret: string;
  help: string;
  copy: string;
  copied: string;
}

/** The dialog. `forget` is called when it closes: the secret must not be kept. */
export function OneTimeSecret({ title, secret, help, copy, copied, forget }: Texts & { forget: () => void }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => box.current?.showModal(), []);
  const copySecret = () => void navigator.clipboard.writeText(secret).then(() => showNotice(copied));
  return (
    <dialog ref={box} onClose={forget} aria-labelledby="secret-title">
      <form method="dialog">
        <h2 id="secret-title">{title}</h2>
        <output class="made">{secret}</output>
        <p>{help}</p>
        <div class="row end">
          <button type="button" onClick={copySecret}>
            {copy}
          </button>
          <button type="submit" class="main">
            {t("done")}
          </button>
        </div>
      </form>
    </dialog>
  );
}
