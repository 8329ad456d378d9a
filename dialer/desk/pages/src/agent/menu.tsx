// A button that opens a menu below it.
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";

export interface Entries {
  /** The title of these entries in the menu. */
  label: string;
  /** Code, text and keys of each entry. */
  options: [string, string, string?][];
  choose: (value: string) => void;
}

/** A menu with one or more groups of entries. A button that shows only an icon has `label` as its name. */
export function Menu({
  id,
  label,
  children,
  groups,
}: {
  id: string;
  label?: string;
  children: ComponentChildren;
  groups: Entries[];
}) {
  const box = useRef<HTMLDivElement>(null);
  return (
    <>
      <button
        type="button"
        popovertarget={id}
        class={label ? "icon-button" : undefined}
        aria-label={label}
        title={label}
      >
        {children} {!label && <span aria-hidden="true">▾</span>}
      </button>
      <div id={id} ref={box} popover="auto" class="menu">
        {groups.map(({ label: title, options, choose }) => (
          <div key={title} role="group" aria-label={title} class="entries-of-menu">
            <p>{title}</p>
            {options.map(([value, text, keys]) => (
              <button
                type="button"
                key={value}
                onClick={() => {
                  box.current?.hidePopover();
                  choose(value);
                }}
              >
                {text} {keys && <kbd>{keys}</kbd>}
              </button>
            ))}
          </div>
        ))}
      </div>
    </>
  );
}
