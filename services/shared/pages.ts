// The pages of lists. A list reads one row more than a page holds: it says that another page follows.

import { Code, type ConnectError, meshError } from "./errors.ts";

/** Where a list that shows the last first goes on: behind the row with this id at this time. */
export interface Place {
  readonly atMs: number;
  readonly id: string;
}

/** Before all rows: none has a time as late. */
const START: Place = { atMs: Number.MAX_SAFE_INTEGER, id: "0" };

/** Cuts a page from its rows and one more. The token is empty if no page follows. */
export function pageOf<Row>(
  rows: readonly Row[],
  size: number,
  tokenOf: (last: Row) => string,
): { readonly page: readonly Row[]; readonly nextPageToken: string } {
  const page = rows.slice(0, size);
  const last = page.at(-1);
  return { page, nextPageToken: rows.length > size && last !== undefined ? tokenOf(last) : "" };
}

/** Makes the token of the page that follows a place. */
export function toPlaceToken({ atMs, id }: Place): string {
  return `${atMs}.${id}`;
}

/** Reads the place that a page follows: the start for an empty token. Throws for one that no page gave. */
export function parsePlaceToken(token: string, isId: (text: string) => boolean): Place {
  if (token === "") {
    return START;
  }
  const [, atMs, id = ""] = /^([0-9]{1,15})\.([0-9a-f]+)$/.exec(token) ?? [];
  if (atMs === undefined || !isId(id)) {
    throw badPageToken();
  }
  return { atMs: Number(atMs), id };
}

/** Makes the error of a page token that no page gave. */
export function badPageToken(): ConnectError {
  return meshError(
    Code.InvalidArgument,
    "page_token: wanted the next_page_token of a page before",
    { reason: "BAD_PAGE_TOKEN" },
  );
}
