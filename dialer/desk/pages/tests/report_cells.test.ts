import { expect, test } from "vitest";
import type { BoardUser, ReportColumn } from "../src/shared/wire";
import { openPage } from "./page";

test("a report names agents whose settings have a name", async () => {
  openPage();
  const { me } = await import("../src/shared/server");
  const { textOf } = await import("../src/reports/cells");
  me.value = { agents: { "17": "Asha Kale" } } as unknown as BoardUser;
  const column = { name: "agent", kind: "text" } as ReportColumn;
  expect(textOf(column, "17")).toBe("Asha Kale (17)");
  expect(textOf(column, "18")).toBe("18");
});
