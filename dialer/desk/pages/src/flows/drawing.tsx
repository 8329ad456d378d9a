// The diagram of a flow: nodes as boxes, arrows for the usual paths of calls, and nodes that follow only after exceptions.
import type { CSSProperties } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { DiagramNode, FlowDiagram } from "../shared/wire";
import { t } from "../shared/words";
import { type DrawnArrow, type Layout, layOut } from "./layout";

interface Drawn {
  diagram: FlowDiagram;
  /** The language of the prompts. */
  language: string;
  /** The current node of the try-out. */
  current: string | undefined;
  onPick: (line: number) => void;
}

function Node({
  node,
  corner,
  ...rest
}: Omit<Drawn, "diagram"> & { node: DiagramNode; corner?: CSSProperties | undefined }) {
  const { name, line, title, prompts, notes, style } = node;
  const isCurrent = rest.current === name;
  return (
    <button
      type="button"
      class={`node ${style}`}
      data-node={name}
      style={corner}
      aria-current={isCurrent ? "step" : undefined}
      onClick={() => rest.onPick(line)}
    >
      <strong>{name}</strong> <span lang="en">{title}</span>
      {prompts.map((words, place) => (
        <span class="words" key={place} lang={rest.language} dir="auto">
          {words}
        </span>
      ))}
      {notes.map((note) => (
        <small key={note} lang="en">
          {note}
        </small>
      ))}
    </button>
  );
}

function Arrow({ points, label, at }: DrawnArrow) {
  return (
    <>
      <path d={`M${points.map(({ x, y }) => `${x} ${y}`).join("L")}`} marker-end="url(#arrow-head)" />
      {label && (
        <text x={at.x} y={at.y}>
          {label}
        </text>
      )}
    </>
  );
}

/** Scroll the diagram, but not the page, to a node. */
function scrollToNode(node: HTMLElement, drawing: HTMLElement): void {
  const [inner, outer] = [node.getBoundingClientRect(), drawing.getBoundingClientRect()];
  drawing.scrollBy((inner.left + inner.right - outer.left - outer.right) / 2, inner.top - outer.top - outer.height / 4);
}

export function Drawing({ diagram, ...rest }: Drawn) {
  const box = useRef<HTMLDivElement>(null);
  const [placed, setPlaced] = useState<Layout | null>(null);
  useLayoutEffect(() => {
    const nodes = [...(box.current?.querySelectorAll<HTMLElement>("[data-node]") ?? [])];
    const boxes = nodes.map((each) => ({
      name: each.dataset.node!,
      width: each.offsetWidth,
      height: each.offsetHeight,
    }));
    setPlaced(layOut(boxes, diagram.arrows));
  }, [diagram]);
  useEffect(() => {
    const nodes = [...(box.current?.parentElement?.querySelectorAll<HTMLElement>("[data-node]") ?? [])];
    const shown = rest.current ? nodes.find((each) => each.dataset.node === rest.current) : nodes[0];
    if (shown) scrollToNode(shown, box.current!.parentElement!);
  }, [rest.current, placed !== null]);
  const exceptions = diagram.nodes.filter((each) => each.is_exception);
  const cornerOf = (name: string) => {
    const corner = placed?.corners.get(name);
    return corner && { left: `${corner.x}px`, top: `${corner.y}px` };
  };
  const size = placed ? { width: `${placed.width}px`, height: `${placed.height}px` } : {};
  return (
    <div class="drawing" tabIndex={0} role="group" aria-labelledby="drawing-title">
      <div class="canvas" ref={box} style={size}>
        <svg aria-hidden="true" width={placed?.width ?? 0} height={placed?.height ?? 0}>
          <marker id="arrow-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">
            <path d="M0 0L8 4L0 8z" />
          </marker>
          {placed?.arrows.map((each) => (
            <Arrow key={`${each.source} ${each.target}`} {...each} />
          ))}
        </svg>
        {diagram.nodes
          .filter((each) => !each.is_exception)
          .map((node) => (
            <Node key={node.name} node={node} corner={cornerOf(node.name)} {...rest} />
          ))}
      </div>
      {exceptions.length > 0 && (
        <>
          <h3>{t("drawing-exceptions")}</h3>
          <div class="exceptions">
            {exceptions.map((node) => (
              <Node key={node.name} node={node} {...rest} />
            ))}
          </div>
        </>
      )}
    </div>
  );
}
