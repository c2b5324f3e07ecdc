/**
 * Flame graph as arithmetic: which call is drawn where. Rows go down from the chosen call (its callers as full rows above
 * it); siblings stand from the largest to the smallest, so that the picture does not jump while a profile grows. The same
 * boxes serve drawing, pointer and keyboard.
 */
import type { ProfileTree } from '#shared/model/allocations.ts';

export const ROW_PX = 19;
/** Narrower calls are not drawn. */
export const LEAST_PX = 1.5;

export interface FlameBox {
  node: number;
  x: number;
  width: number;
  row: number;
  /** A caller of the chosen call. */
  isAncestor: boolean;
}

export interface FlameIndex {
  tree: ProfileTree;
  /** Children of each node, the largest first. */
  children: readonly (readonly number[])[];
}

export function indexTree(tree: ProfileTree): FlameIndex {
  const children: number[][] = tree.parent.map(() => []);
  for (let node = 1; node < tree.parent.length; node++) children[tree.parent[node] as number]?.push(node);
  for (const list of children) list.sort((a, b) => (tree.total[b] as number) - (tree.total[a] as number) || a - b);
  return { tree, children };
}

/** From the root to the node itself. */
export function pathOf(tree: ProfileTree, node: number): number[] {
  const path = [node];
  while (path[0] !== 0 && path[0] !== undefined) path.unshift(tree.parent[path[0]] as number);
  return path;
}

/** Boxes in the order of rows, and in a row from left to right. `root`: the call that takes the whole width. */
export function flameLayout({ tree, children }: FlameIndex, root: number, width: number): FlameBox[] {
  if (tree.parent.length === 0 || width <= 0 || !((tree.total[root] ?? 0) > 0)) return [];
  const path = pathOf(tree, root);
  const boxes: FlameBox[] = path.map((node, row) => ({ node, x: 0, width, row, isAncestor: node !== root }));
  const scale = width / (tree.total[root] as number);
  let level = [boxes[boxes.length - 1] as FlameBox];
  while (level.length > 0) {
    const next: FlameBox[] = [];
    for (const box of level) {
      let x = box.x;
      for (const child of children[box.node] ?? []) {
        const wide = (tree.total[child] as number) * scale;
        // The rest is smaller still.
        if (wide < LEAST_PX) break;
        next.push({ node: child, x, width: wide, row: box.row + 1, isAncestor: false });
        x += wide;
      }
    }
    boxes.push(...next);
    level = next;
  }
  return boxes;
}

/** The box below a point; null where there is none. */
export function boxAt(boxes: readonly FlameBox[], x: number, y: number): FlameBox | null {
  const row = Math.floor(y / ROW_PX);
  return boxes.find((box) => box.row === row && x >= box.x && x < box.x + box.width) ?? null;
}

/** Where an arrow key leads: to the caller, the largest callee, or the neighbour in the same row. */
export function neighbourOf(boxes: readonly FlameBox[], tree: ProfileTree, node: number, key: string): number {
  const at = boxes.findIndex((box) => box.node === node);
  const box = boxes[at];
  if (!box) return boxes[0]?.node ?? -1;
  if (key === 'ArrowUp') return node === 0 ? node : (tree.parent[node] as number);
  if (key === 'ArrowDown') return boxes.find((other) => other.row === box.row + 1 && (box.isAncestor || tree.parent[other.node] === node))?.node ?? node;
  const other = boxes[at + (key === 'ArrowRight' ? 1 : -1)];
  return other && other.row === box.row ? other.node : node;
}
