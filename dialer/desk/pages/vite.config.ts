import { defineConfig } from "vite";

// Every page is an entry of its own, so that none loads what another needs. Nothing is inlined: the pages' CSP lets no inline
// script and no data: address in.
export default defineConfig({
  base: "/",
  build: {
    outDir: "../built",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    rollupOptions: { input: ["agent.html", "board.html", "campaigns.html", "flows.html", "hq.html", "reports.html"] },
  },
});
