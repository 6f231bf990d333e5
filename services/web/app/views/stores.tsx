// The stores of the tenant, with what each has left on a day, live.

import type { Store } from "#gen/slotmesh/inventory/v1/store_pb.ts";
import { formatOpening, formatTime, formatZone, formatZoneLong } from "../lib/format.ts";
import { type DaySummary, type SlotView, summarizeDay } from "../lib/slots.ts";
import { useApp } from "../ui/app-context.ts";
import { DayPicker, useDays } from "../ui/day-picker.tsx";
import { useNow } from "../ui/hooks.ts";
import { PinIcon } from "../ui/icons.tsx";
import { useAnnounced } from "../ui/live.tsx";
import { ErrorNotice, Heading, Waiting } from "../ui/parts.tsx";
import { Link, navigate } from "../ui/router.tsx";

/** The first page: where, and how much is left. */
export function StoresView({ date }: { date: string | undefined }) {
  const { brand, catalog, catalogError, reloadCatalog, paths } = useApp();
  const stores = catalog?.stores ?? [];
  const days = useDays(
    stores.map(({ storeId }) => storeId),
    stores[0]?.timeZone,
    date,
  );
  const slots = days.slots.data;
  return (
    <>
      <div className="intro">
        <Heading title="Book an appointment" brand={brand} />
        <p className="lead">Choose a store, then a time. Spots are counted live.</p>
      </div>
      {catalogError !== undefined && !catalog && (
        <ErrorNotice error={catalogError} onRetry={reloadCatalog} />
      )}
      {catalog?.stores.length === 0 && (
        <p className="empty">There are no stores here yet. Please come back later.</p>
      )}
      {stores.length > 0 && (
        <DayPicker
          days={days}
          onChoose={(chosen) => navigate(paths.stores(chosen), { replace: true })}
        />
      )}
      {days.slots.error !== undefined && (
        <ErrorNotice
          error={days.slots.error}
          onRetry={days.slots.refresh}
          isFloating={slots !== undefined}
        />
      )}
      {!catalog && catalogError === undefined && (
        <Waiting label="Loading the stores" shapes={["days-shape", "card", "card", "card"]} />
      )}
      <ul className="stores">
        {stores.map((store) => (
          <StoreCard
            key={store.storeId}
            store={store}
            date={days.chosen}
            slots={slots?.filter(({ storeId }) => storeId === store.storeId)}
          />
        ))}
      </ul>
    </>
  );
}

function StoreCard({
  store,
  date,
  slots,
}: {
  store: Store;
  date: string | undefined;
  slots: readonly SlotView[] | undefined;
}) {
  const { catalog, paths } = useApp();
  const nowMs = useNow(1000);
  const summary = slots && summarizeDay(slots, nowMs);
  const service = catalog?.services.get(slots?.[0]?.serviceId ?? "");
  const canChoose = summary && summary.kind !== "none" && summary.kind !== "over";
  useAnnounced(summary?.kind === "sold-out" ? `${store.name}: sold out` : "");
  return (
    <li className="card store">
      <div className="store-where">
        <h2>{store.name}</h2>
        <p className="address">
          <PinIcon />
          <span>{store.address}</span>
        </p>
        <p className="hint">
          {service && <strong className="service">{service.name}</strong>}
          Times in {formatZoneLong(nowMs, store.timeZone)} ({formatZone(nowMs, store.timeZone)})
        </p>
      </div>
      <div className="store-left">
        <Remaining summary={summary} nowMs={nowMs} timeZone={store.timeZone} />
      </div>
      {canChoose && date !== undefined ? (
        <Link to={paths.times(store.storeId, date)} className="button">
          {summary.kind === "sold-out" ? "See other days" : "Choose a time"}
          <span className="unseen"> at {store.name}</span>
        </Link>
      ) : (
        <span className="button-room" aria-hidden="true" />
      )}
    </li>
  );
}

function Remaining({
  summary,
  nowMs,
  timeZone,
}: {
  summary: DaySummary | undefined;
  nowMs: number;
  timeZone: string;
}) {
  switch (summary?.kind) {
    case undefined:
      return <Waiting label="Counting the spots" shapes={["count-shape"]} />;
    case "open":
      return (
        <>
          <p className="count">
            <span className="count-label">Remaining spots:</span>{" "}
            <span className="count-number">{summary.spots.toLocaleString("en-US")}</span>
          </p>
          <p className="hint">
            Next: {formatTime(summary.next.startMs, timeZone)} (
            {formatZone(summary.next.startMs, timeZone)})
          </p>
        </>
      );
    case "opens-later":
      return (
        <>
          <p className="badge tone-wait">{formatOpening(summary.openMs, nowMs, timeZone)}</p>
          <p className="hint">{summary.spots.toLocaleString("en-US")} spots will be there</p>
        </>
      );
    case "sold-out":
      return (
        <>
          <p className="badge tone-bad">Sold out</p>
          <p className="hint">A spot may come back when someone cancels</p>
        </>
      );
    case "over":
      return <p className="badge">No more times on this day</p>;
    default:
      return <p className="badge">No times on this day</p>;
  }
}
