// Lists cut to what one statement or call can hold.

/** Cuts a list into pieces of at most sizeMax. */
export function chunksOf<Item>(items: readonly Item[], sizeMax: number): Item[][] {
  const chunks: Item[][] = [];
  for (let from = 0; from < items.length; from += sizeMax) {
    chunks.push(items.slice(from, from + sizeMax));
  }
  return chunks;
}
