// The places of nodes and arrows in the diagram of a flow.
import { Graph, layout } from "@dagrejs/dagre";
import type { DiagramArrow } from "../shared/wire";

export interface Box {
  name: string;
  width: number;
  height: number;
}
interface Point {
  x: number;
  y: number;
}
export interface DrawnArrow extends DiagramArrow {
  points: Point[];
  /** The middle of the label. */
  at: Point;
}
export interface Layout {
  width: number;
  height: number;
  /** The upper left corner of each node. */
  corners: Map<string, Point>;
  arrows: DrawnArrow[];
}

const LETTER_WIDTH = 7;
const LABEL_HEIGHT = 18;

/** Return the places of boxes so that arrows point downwards where possible. Arrows to other boxes are left out. */
export function layOut(boxes: Box[], arrows: DiagramArrow[]): Layout {
  const graph = new Graph({ multigraph: false });
  graph.setGraph({ rankdir: "TB", nodesep: 24, ranksep: 28, edgesep: 14, marginx: 8, marginy: 8 });
  for (const { name, width, height } of boxes) graph.setNode(name, { width, height });
  const drawn = arrows.filter(({ source, target }) => graph.hasNode(source) && graph.hasNode(target));
  for (const { source, target, label } of drawn)
    graph.setEdge(source, target, {
      width: label.length * LETTER_WIDTH,
      height: label ? LABEL_HEIGHT : 0,
      labelpos: "c",
    });
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  const corners = boxes.map(({ name, width: wide, height: high }): [string, Point] => {
    const { x, y } = graph.node(name) as Point;
    return [name, { x: x - wide / 2, y: y - high / 2 }];
  });
  return {
    width,
    height,
    corners: new Map(corners),
    arrows: drawn.map((each) => {
      const { points, x, y } = graph.edge(each.source, each.target) as { points: Point[] } & Point;
      return { ...each, points, at: { x, y } };
    }),
  };
}
