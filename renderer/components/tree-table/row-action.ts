/** An entry of a row's menu. */
export interface RowAction {
  readonly id: string;
  readonly label: string;
  /** The key that does the same. */
  readonly key?: string;
  readonly disabled?: boolean;
  /** What the middle button and Mod+Enter do. */
  readonly aside?: boolean;
  /** Starts a group. */
  readonly divider?: boolean;
  run(): void;
}
