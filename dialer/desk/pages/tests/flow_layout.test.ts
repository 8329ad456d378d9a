// The places of nodes in the drawing of a flow.
import { expect, test } from "vitest";
import { layOut } from "../src/flows/layout";

const box = (name: string) => ({ name, width: 240, height: 60 });

test("arrows point downwards and boxes do not overlap", () => {
  const { corners, arrows, width, height } = layOut(
    [box("menu"), box("yes"), box("no"), box("end")],
    [
      { source: "menu", target: "yes", label: "1" },
      { source: "menu", target: "no", label: "2" },
      { source: "yes", target: "end", label: "" },
      { source: "no", target: "end", label: "" },
    ],
  );
  const at = (name: string) => corners.get(name)!;
  expect(at("menu").y + 60).toBeLessThan(at("yes").y);
  expect(at("yes").y).toBe(at("no").y);
  expect(Math.abs(at("yes").x - at("no").x)).toBeGreaterThan(240);
  expect(at("yes").y + 60).toBeLessThan(at("end").y);
  expect(arrows.map(({ label }) => label)).toEqual(["1", "2", "", ""]);
  for (const { x, y } of corners.values()) {
    expect(x + 240).toBeLessThanOrEqual(width);
    expect(y + 60).toBeLessThanOrEqual(height);
  }
});

test("an arrow to a box that is not drawn is left out", () => {
  expect(layOut([box("menu")], [{ source: "menu", target: "elsewhere", label: "" }]).arrows).toEqual([]);
});
