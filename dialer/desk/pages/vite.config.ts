import { defineConfig } from "vite";

// Every page is an entry of its own, so that none loads what another needs. Nothing is inlined: the pages' CSP lets no inline
// script and no data: address in. `--mode components` builds the page of all components instead, for development.
export default defineConfig(({ mode }) => ({
  base: "/",
  build: {
    outDir: mode === "components" ? "../../../build/components" : "../built",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    rollupOptions: {
      input:
        mode === "components"
          ? ["components.html"]
          : ["agent.html", "board.html", "campaigns.html", "flows.html", "hq.html", "reports.html"],
    },
  },
}));
