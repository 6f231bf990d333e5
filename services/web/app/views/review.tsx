// The chosen time, before it is booked: what it is, for how many, and the one button. Signing in comes
// here, after the choice, and whoever signs in to book has then booked.
//
// The wish is kept from the tap on: a reload, or the way through signing in, goes on with the same one.

import { Code } from "@connectrpc/connect";
import { useEffect, useRef, useState } from "react";
import {
  type BookAppointmentResponse,
  BookingOutcome,
} from "#gen/slotmesh/scheduling/v1/scheduling_service_pb.ts";
import { bookWish } from "../api/book.ts";
import { loadDay } from "../api/catalog.ts";
import { clock } from "../api/mesh.ts";
import { toMs } from "../lib/convert.ts";
import { formatDay, formatRange } from "../lib/format.ts";
import { nearestFree, type SlotView, spotsLeft, statusOf } from "../lib/slots.ts";
import { isUnderWay } from "../lib/wish.ts";
import { bookingWords, codeOf } from "../lib/words.ts";
import { useApp } from "../ui/app-context.ts";
import { Countdown } from "../ui/countdown.tsx";
import { useNow, usePerson, usePolled } from "../ui/hooks.ts";
import { BackIcon } from "../ui/icons.tsx";
import { ErrorNotice, Heading, Notice, Waiting } from "../ui/parts.tsx";
import { Link, navigate } from "../ui/router.tsx";
import { MissingView } from "./missing.tsx";

const POLL_MS = 4000;
const OTHERS_SHOWN = 3;

/** The chosen time. */
export function ReviewView(props: { storeId: string; date: string; slotId: string }) {
  const { storeId, date, slotId } = props;
  const { brand, mesh, catalog, paths } = useApp();
  const day = usePolled(
    `${storeId} ${date}`,
    (signal) => loadDay(mesh.tenantId, [storeId], date, signal),
    POLL_MS,
  );
  const slot = day.data?.find((one) => one.slotId === slotId);
  const store = catalog?.findStore(storeId);
  if (day.data && !slot) {
    return <MissingView />;
  }
  return (
    <div className="narrow">
      <Link to={paths.times(storeId, date)} className="back">
        <BackIcon /> Choose another time
      </Link>
      <Heading title="Your appointment" brand={brand} />
      {day.error !== undefined && (
        <ErrorNotice error={day.error} onRetry={day.refresh} isFloating={slot !== undefined} />
      )}
      {!slot && day.error === undefined && (
        <Waiting label="Loading the time" shapes={["card", "line"]} />
      )}
      {slot && (
        <>
          <dl className="card facts">
            <div>
              <dt>What</dt>
              <dd>{catalog?.services.get(slot.serviceId)?.name ?? "Appointment"}</dd>
            </div>
            <div>
              <dt>Where</dt>
              <dd>
                {store?.name}
                <span className="hint">{store?.address}</span>
              </dd>
            </div>
            <div>
              <dt>When</dt>
              <dd>
                {formatDay(slot.startMs, slot.timeZone)}
                <strong>{formatRange(slot.startMs, slot.endMs, slot.timeZone)}</strong>
              </dd>
            </div>
          </dl>
          <Booking key={slotId} slot={slot} daySlots={day.data ?? []} date={date} />
        </>
      )}
    </div>
  );
}

type Phase =
  | { readonly kind: "idle" }
  | { readonly kind: "sending"; readonly attempt: number }
  | { readonly kind: "answered"; readonly answer: BookAppointmentResponse }
  | { readonly kind: "failed"; readonly error: unknown };

function useBooking(slot: SlotView, date: string) {
  const { mesh, paths } = useApp();
  const { wishes, shopper } = mesh;
  const person = usePerson(shopper.session);
  const [phase, setPhase] = useState<Phase>({ kind: "idle" });
  const flight = useRef<AbortController>(undefined);

  async function send(partySize: number): Promise<void> {
    if (flight.current) {
      return; // A second tap while the first is under way.
    }
    const { requestId } = wishes.send(slot.slotId, partySize, clock.nowMs());
    const here = paths.review(slot.storeId, date, slot.slotId);
    if (!person) {
      navigate(paths.signIn(here));
      return;
    }
    const stop = new AbortController();
    flight.current = stop;
    setPhase({ kind: "sending", attempt: 1 });
    try {
      const { slotId, storeId } = slot;
      const answer = await bookWish({
        send: (signal) =>
          shopper.scheduling.bookAppointment({ storeId, slotId, partySize, requestId }, { signal }),
        signal: stop.signal,
        onRetry: (attempt) => setPhase({ kind: "sending", attempt }),
      });
      if (answer.appointment) {
        // Kept as it is until it is settled: a second tap on the way back finds this same appointment.
        wishes.rest(slotId);
        navigate(paths.appointment(answer.appointment.appointmentId, slot), { replace: true });
        return;
      }
      wishes.rest(slotId);
      setPhase({ kind: "answered", answer });
    } catch (error) {
      if (stop.signal.aborted) {
        return;
      }
      if (codeOf(error) === Code.Unauthenticated) {
        navigate(paths.signIn(here, true), { replace: true });
        return;
      }
      wishes.rest(slot.slotId);
      setPhase({ kind: "failed", error });
    } finally {
      flight.current = undefined;
    }
  }

  const sendRef = useRef(send);
  sendRef.current = send;
  useEffect(() => {
    const kept = wishes.find(slot.slotId);
    if (!shopper.session.person()) {
      // They came back without signing in: nothing is under way any more.
      wishes.rest(slot.slotId);
    } else if (isUnderWay(kept, clock.nowMs())) {
      void sendRef.current(kept.partySize);
    }
    return () => flight.current?.abort();
  }, [wishes, shopper, slot.slotId]);

  return { phase, send, person };
}

function Booking({
  slot,
  daySlots,
  date,
}: {
  slot: SlotView;
  daySlots: readonly SlotView[];
  date: string;
}) {
  const { mesh, paths } = useApp();
  const nowMs = useNow(500);
  const { phase, send, person } = useBooking(slot, date);
  const [partySize, setPartySize] = useState(mesh.wishes.find(slot.slotId)?.partySize ?? 1);
  const answer = phase.kind === "answered" ? phase.answer : undefined;
  const openMs = toMs(answer?.openTime) ?? slot.openMs;
  const status = statusOf({ ...slot, openMs }, nowMs);
  const isSending = phase.kind === "sending";
  const canBook = status === "free" && !isSending;
  const isOver = answer !== undefined && answer.outcome !== BookingOutcome.NOT_OPEN_YET;
  const isLost = status === "sold-out" || (isOver && answer.outcome === BookingOutcome.SOLD_OUT);
  return (
    <form
      className="booking"
      onSubmit={(event) => {
        event.preventDefault();
        if (canBook) {
          void send(partySize);
        }
      }}
    >
      {slot.partySizeMax > 1 && (
        <PartySize max={slot.partySizeMax} value={partySize} onChange={setPartySize} />
      )}
      <div className="outcome">
        {answer && !(answer.outcome === BookingOutcome.NOT_OPEN_YET && status === "free") && (
          <Notice
            words={bookingWords(answer.outcome, { slot, openMs: toMs(answer.openTime), nowMs })}
            isSaid
          >
            {answer.otherAppointmentId !== "" && (
              <Link to={paths.appointment(answer.otherAppointmentId)} className="button quiet">
                Show my appointment
              </Link>
            )}
          </Notice>
        )}
        {!answer && status === "sold-out" && (
          <Notice words={bookingWords(BookingOutcome.SOLD_OUT, { slot, openMs, nowMs })} />
        )}
        {!answer && status === "begun" && (
          <Notice words={bookingWords(BookingOutcome.TOO_LATE, { slot, openMs, nowMs })} />
        )}
        {phase.kind === "failed" && <ErrorNotice error={phase.error} />}
        {status === "opens-later" && <Countdown untilMs={openMs} timeZone={slot.timeZone} />}
      </div>
      {isLost && <Others slot={slot} slots={daySlots} partySize={partySize} date={date} />}
      <button
        type="submit"
        className={isLost ? "button quiet wide" : "button wide"}
        aria-disabled={!canBook}
        aria-describedby={`left-${slot.slotId}`}
      >
        {buttonWords({ isSending, isLost, isSignedIn: person !== undefined })}
      </button>
      <p className="hint centred" id={`left-${slot.slotId}`}>
        {phase.kind === "sending" && phase.attempt > 1
          ? `Very busy: attempt ${phase.attempt}. It counts as one request, and you may reload.`
          : status === "free" && !isLost
            ? `${spotsLeft(slot.freeSpots)}. The time is yours once it says Confirmed.`
            : "\u00a0"}
      </p>
    </form>
  );
}

function buttonWords(now: { isSending: boolean; isLost: boolean; isSignedIn: boolean }): string {
  if (now.isSending) {
    return "Booking…";
  }
  if (now.isLost) {
    return "Try this time again";
  }
  return now.isSignedIn ? "Book this time" : "Sign in and book";
}

function PartySize({
  max,
  value,
  onChange,
}: {
  max: number;
  value: number;
  onChange: (size: number) => void;
}) {
  return (
    <div className="field">
      <label htmlFor="party">How many people</label>
      <p className="hint" id="party-hint">
        Up to {max} in one appointment; each takes a spot.
      </p>
      <select
        id="party"
        aria-describedby="party-hint"
        value={value}
        onChange={(event) => onChange(Number(event.target.value))}
      >
        {Array.from({ length: max }, (_, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the number is the option.
          <option key={index} value={index + 1}>
            {index === 0 ? "1 person" : `${index + 1} people`}
          </option>
        ))}
      </select>
    </div>
  );
}

/** The next best: free times near the one that was lost. */
function Others({
  slot,
  slots,
  partySize,
  date,
}: {
  slot: SlotView;
  slots: readonly SlotView[];
  partySize: number;
  date: string;
}) {
  const { paths } = useApp();
  const others = nearestFree(slots, slot, partySize, clock.nowMs(), OTHERS_SHOWN);
  if (others.length === 0) {
    return (
      <p>
        <Link to={paths.stores(date)}>See the other stores</Link> – this one has nothing left on
        this day.
      </p>
    );
  }
  return (
    <div className="others">
      <h2>Free near that time</h2>
      <ul className="times">
        {others.map((other) => (
          <li key={other.slotId}>
            <Link to={paths.review(other.storeId, date, other.slotId)} className="time free">
              <span className="time-start">
                {formatRange(other.startMs, other.endMs, other.timeZone)}
              </span>
              <span className="time-left">{spotsLeft(other.freeSpots)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}
