// The times of one store on one day, in the store's own zone.

import { formatDate, formatTime, formatZone, formatZoneLong } from "../lib/format.ts";
import { groupByPartOfDay, type SlotView, statusOf, summarizeDay } from "../lib/slots.ts";
import { useApp } from "../ui/app-context.ts";
import { Countdown } from "../ui/countdown.tsx";
import { DayPicker, useDays } from "../ui/day-picker.tsx";
import { useNow } from "../ui/hooks.ts";
import { BackIcon } from "../ui/icons.tsx";
import { useAnnounced } from "../ui/live.tsx";
import { ErrorNotice, Heading, Notice, Waiting } from "../ui/parts.tsx";
import { Link, navigate } from "../ui/router.tsx";
import { MissingView } from "./missing.tsx";

/** The times one can choose from. */
export function TimesView({ storeId, date }: { storeId: string; date: string }) {
  const { brand, catalog, catalogError, reloadCatalog, paths } = useApp();
  const store = catalog?.findStore(storeId);
  const nowMs = useNow(1000);
  const days = useDays([storeId], store?.timeZone, date);
  const slots = days.slots.data;
  const summary = slots && summarizeDay(slots, nowMs);
  const service = catalog?.services.get(slots?.[0]?.serviceId ?? "");
  // Only the day: how much is left changes too often to be said.
  useAnnounced(slots ? `Times on ${formatDate(date)}` : "");
  if (catalog && !store) {
    return <MissingView />;
  }
  return (
    <>
      <Link to={paths.stores(date)} className="back">
        <BackIcon /> All stores
      </Link>
      <Heading title={store?.name ?? "Choose a time"} brand={brand} />
      {store && (
        <p className="lead">
          {service && <strong className="service">{service.name}</strong>}
          {store.address}. All times are in {formatZoneLong(nowMs, store.timeZone)}.
        </p>
      )}
      {catalogError !== undefined && !catalog && (
        <ErrorNotice error={catalogError} onRetry={reloadCatalog} />
      )}
      <DayPicker
        days={days}
        onChoose={(chosen) => navigate(paths.times(storeId, chosen), { replace: true })}
      />
      {days.slots.error !== undefined && (
        <ErrorNotice
          error={days.slots.error}
          onRetry={days.slots.refresh}
          isFloating={slots !== undefined}
        />
      )}
      <section aria-label={`Times on ${formatDate(date)}`}>
        <h2 className="day-heading">{formatDate(date)}</h2>
        {summary?.kind === "opens-later" && (
          <Countdown untilMs={summary.openMs} timeZone={store?.timeZone ?? "UTC"} />
        )}
        {summary?.kind === "sold-out" && (
          <Notice
            words={{
              tone: "bad",
              title: "Sold out on this day",
              text: "Choose another day above, or another store. A spot may come back when someone cancels.",
            }}
          />
        )}
        {(summary?.kind === "none" || summary?.kind === "over") && (
          <p className="empty">
            {summary.kind === "over"
              ? "All times of this day have begun. Choose another day above."
              : "This store has no times on this day. Choose another day above."}
          </p>
        )}
        {!slots && days.slots.error === undefined && (
          <Waiting label="Loading the times" shapes={["times-shape", "times-shape"]} />
        )}
        {store && slots && (
          <Times slots={slots} date={date} timeZone={store.timeZone} nowMs={nowMs} />
        )}
      </section>
    </>
  );
}

function Times({
  slots,
  date,
  timeZone,
  nowMs,
}: {
  slots: readonly SlotView[];
  date: string;
  timeZone: string;
  nowMs: number;
}) {
  const parts = groupByPartOfDay(slots, ({ startMs }) => hourAt(startMs, timeZone));
  return parts.map((part) => (
    <div key={part.name} className="part">
      <h3>{part.name}</h3>
      <ul className="times">
        {part.slots.map((slot) => (
          <li key={slot.slotId}>
            <Time slot={slot} date={date} nowMs={nowMs} />
          </li>
        ))}
      </ul>
    </div>
  ));
}

const STATUS_WORDS = { "sold-out": "Sold out", "opens-later": "Opens later", begun: "Over" };

/** A time stays a link whatever becomes of it, so that whoever stands on it does not lose their place. */
function Time({ slot, date, nowMs }: { slot: SlotView; date: string; nowMs: number }) {
  const { paths } = useApp();
  const status = statusOf(slot, nowMs);
  const isGone = status === "sold-out" || status === "begun";
  return (
    <Link
      to={paths.review(slot.storeId, date, slot.slotId)}
      className={`time ${status}`}
      {...(isGone && { "aria-disabled": true, onClick: (event) => event.preventDefault() })}
    >
      <span className="time-start">
        {formatTime(slot.startMs, slot.timeZone)}
        <span className="unseen">
          {" "}
          – {formatTime(slot.endMs, slot.timeZone)} ({formatZone(slot.startMs, slot.timeZone)}),
        </span>
      </span>
      <span className="time-left">
        {status === "free" ? (
          <>
            {slot.freeSpots.toLocaleString("en-US")}
            <span className="unseen"> {slot.freeSpots === 1 ? "spot" : "spots"}</span> left
          </>
        ) : (
          STATUS_WORDS[status]
        )}
      </span>
    </Link>
  );
}

function hourAt(ms: number, timeZone: string): number {
  const time = formatTime(ms, timeZone);
  const hour = Number.parseInt(time, 10) % 12;
  return time.endsWith("p.m.") ? hour + 12 : hour;
}
