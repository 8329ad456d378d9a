// Every component of the pages in every state, with sample data: /components.html for staff's pages, ?agent for the agent's page.
// Built in development only (`npm run components`).
import { render } from "preact";
import { Notice, QuestionDialog } from "../shared/parts";
import { areLoaded, speak, type Words } from "../shared/words";
import "../shared/base.css";
import "./components.css";

const kit = await (location.search === "?agent" ? import("./agent") : import("./staff"));
await speak(kit.texts as Words);
await document.fonts.load("1rem Components", "aक");
render(
  <>
    <header>
      <h1>Components</h1>
    </header>
    {areLoaded.value && <kit.Components />}
    <Notice />
    <QuestionDialog />
  </>,
  document.getElementById("page")!,
);
