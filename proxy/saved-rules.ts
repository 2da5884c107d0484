// Reads what `iptables-save` prints: which chains there are, and the rules of each.

export interface SavedTable {
  /** Rules by chain, each without its `-A CHAIN`. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

/** By table name. */
export type Saved = ReadonlyMap<string, SavedTable>;

export const NO_TABLE: SavedTable = { chains: new Map() };

export function parseSaved(text: string): Saved {
  const tables = new Map<string, { chains: Map<string, string[]> }>();
  let chains = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      chains = new Map();
      tables.set(line.slice(1).trim(), { chains });
    } else if (line.startsWith(':')) {
      chains.set(line.slice(1, line.indexOf(' ')), []);
    } else if (line.startsWith('-A ')) {
      const end = line.indexOf(' ', 3);
      const chain = line.slice(3, end);
      chains.get(chain)?.push(line.slice(end + 1));
    }
  }
  return tables;
}
