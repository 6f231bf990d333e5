// The handlers of ReportsService: what became of codes by day and by store, and how full locations are.

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type CodeCountsSchema,
  DensityLine,
  type LocationDensitySchema,
  ReportsService,
} from "#gen/slotmesh/codes/v1/reports_service_pb.ts";
import { Code, meshError } from "#shared/errors.ts";
import { type BoundMethod, bind } from "#shared/handlers.ts";
import { createLimiter } from "#shared/limiter.ts";
import { badPageToken, pageOf } from "#shared/pages.ts";
import { densityOf, LINES, type Line } from "./density.ts";
import type { DensityStore } from "./density-store.ts";
import type { Policies } from "./policies.ts";
import { daysBetween } from "./report-days.ts";
import type { Counts, ReportStore } from "./report-store.ts";
import { storeIdOf } from "./terms.ts";

/** The reports that a process makes at once, and that wait: they must not keep clerks waiting. */
const REPORTS_MAX = 2;
const REPORTS_WAITING_MAX = 20;
const STORES_PAGE_SIZE = 100;
const LOCATIONS_MAX = 100;

const DENSITY_LINES: Record<Line, DensityLine> = {
  [LINES.none]: DensityLine.NONE,
  [LINES.warn]: DensityLine.WARN,
  [LINES.stop]: DensityLine.STOP,
};

const NOTHING: Counts = { issued: 0, redeemedItems: 0, reversedItems: 0, revoked: 0, expired: 0 };

/** What the handlers work with. */
export interface ReportsOptions {
  readonly reportStore: ReportStore;
  readonly densityStore: DensityStore;
  readonly policies: Policies;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

/** Makes the methods of ReportsService. */
export function reportsService(options: ReportsOptions): BoundMethod[] {
  const { reportStore, densityStore, policies, now } = options;
  const limiter = createLimiter({
    concurrencyMax: REPORTS_MAX,
    waitingMax: REPORTS_WAITING_MAX,
  });

  return bind(
    ReportsService,
    {
      getReport: ["manager", "operator"],
      listStoreReports: ["manager", "operator"],
      getDensity: ["operator"],
    },
    {
      getReport: async (request, { caller: { tenantId }, signal }) => {
        const days = daysBetween(request.firstDate, request.lastDate, request.timeZone);
        const storeId = request.storeId === "" ? undefined : storeIdOf(request.storeId);
        return limiter.run(async () => {
          const counted: Counts[] = [];
          // A day after the other: a report takes two connections and not all of them.
          for (const { startMs, endMs } of days) {
            if (signal.aborted) {
              throw meshError(Code.Canceled, "nobody waits for the report any more", {
                reason: "CANCELED",
              });
            }
            counted.push(await reportStore.count({ tenantId, startMs, endMs }, storeId));
          }
          return {
            days: days.map(({ date }, index) => ({
              date,
              counts: toMessage(counted[index] as Counts),
            })),
            total: toMessage(counted.reduce(plus, NOTHING)),
            liveCodes: BigInt(await reportStore.countLive(tenantId, now(), storeId)),
          };
        });
      },

      listStoreReports: async (request, { caller: { tenantId } }) => {
        const days = daysBetween(request.firstDate, request.lastDate, request.timeZone);
        const startMs = days[0]?.startMs ?? 0;
        const endMs = days.at(-1)?.endMs ?? 0;
        const size = request.pageSize || STORES_PAGE_SIZE;
        const afterId = storeOfToken(request.pageToken);
        const stores = await limiter.run(() =>
          reportStore.listStores({ tenantId, startMs, endMs }, afterId, size + 1),
        );
        const { page, nextPageToken } = pageOf(stores, size, (last) => last.storeId);
        return {
          stores: page.map(({ storeId, counts }) => ({ storeId, counts: toMessage(counts) })),
          nextPageToken,
        };
      },

      getDensity: async (_request, { caller: { tenantId } }) => {
        const [rows, versions] = await Promise.all([
          limiter.run(() => densityStore.listOfTenant(tenantId)),
          policies.list(tenantId),
        ]);
        const locations = rows.flatMap((row): MessageInitShape<typeof LocationDensitySchema>[] => {
          const density = densityOf(versions, row);
          if (!density) {
            return [];
          }
          const { randomSymbols, numbers, perThousand, line } = density;
          return [
            {
              ...{ suffix: row.suffix, randomSymbols, perThousand },
              liveCodes: BigInt(row.live),
              numbers: BigInt(numbers),
              line: DENSITY_LINES[line],
            },
          ];
        });
        return {
          locations: locations
            .sort((a, b) => (b.perThousand ?? 0) - (a.perThousand ?? 0))
            .slice(0, LOCATIONS_MAX),
          liveCodes: BigInt(rows.reduce((sum, { live }) => sum + live, 0)),
        };
      },
    },
  );
}

function plus(one: Counts, other: Counts): Counts {
  return {
    issued: one.issued + other.issued,
    redeemedItems: one.redeemedItems + other.redeemedItems,
    reversedItems: one.reversedItems + other.reversedItems,
    revoked: one.revoked + other.revoked,
    expired: one.expired + other.expired,
  };
}

function toMessage(counts: Counts): MessageInitShape<typeof CodeCountsSchema> {
  return {
    issuedCodes: BigInt(counts.issued),
    redeemedItems: BigInt(counts.redeemedItems),
    reversedItems: BigInt(counts.reversedItems),
    revokedCodes: BigInt(counts.revoked),
    expiredCodes: BigInt(counts.expired),
  };
}

function storeOfToken(token: string): string {
  if (!/^[0-9]{0,19}$/.test(token)) {
    throw badPageToken();
  }
  return storeIdOf(token || "0");
}
