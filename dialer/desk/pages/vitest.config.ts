import { defineConfig } from "vitest/config";

// One process: the suite that starts these tests uses the other cores.
export default defineConfig({
  server: { fs: { allow: [".", "../../../ivr_flows"] } },
  test: { environment: "happy-dom", include: ["tests/*.test.ts"], pool: "threads", maxWorkers: 1, unstubGlobals: true },
});
