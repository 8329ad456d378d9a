// TypeScript refuses an id that no .ftl file has, a missing value, and a value that the text does not have. `npm run build` checks
// this: each comment below is an error if the line after it has none.
import { expect, test } from "vitest";
import { t } from "../src/shared/words";

test("a text without its file is shown as its id", () => {
  expect(t("cancel")).toBe("cancel");
  expect(t("age", { age: 61 })).toBe("age");
});

test("a wrong id, a missing value and an unknown value are type errors", () => {
  // @ts-expect-error no such id
  t("no-such-id");
  // @ts-expect-error the value `age` is missing
  t("age");
  // @ts-expect-error the value has another name
  t("age", { years: 61 });
  // @ts-expect-error the text has no values
  t("cancel", { age: 61 });
});
