/** A field for a phone number. `help` is the id of the element that explains it. */
export function NumberField({
  label,
  number,
  help,
  onInput,
  onEnter,
}: {
  label: string;
  number: string;
  help?: string;
  onInput: (number: string) => void;
  onEnter?: () => void;
}) {
  return (
    <label>
      {label}
      <input
        type="tel"
        value={number}
        autocomplete="off"
        maxLength={40}
        dir="ltr"
        aria-describedby={help}
        onInput={(event) => onInput(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && onEnter?.()}
      />
    </label>
  );
}
