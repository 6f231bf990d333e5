// The shopper's appointments, newest first.

import { useEffect, useState } from "react";
import { type Appointment, AppointmentState } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { toSlotView } from "../lib/convert.ts";
import { formatDay, formatMoment, formatRange } from "../lib/format.ts";
import type { SlotView } from "../lib/slots.ts";
import { appointmentWords, stateWord } from "../lib/words.ts";
import { useApp } from "../ui/app-context.ts";
import { CancelButton } from "../ui/cancel-button.tsx";
import { usePerson } from "../ui/hooks.ts";
import { announce } from "../ui/live.tsx";
import { ErrorNotice, Heading, ToneSymbol, Waiting } from "../ui/parts.tsx";
import { Link } from "../ui/router.tsx";
import { useEndOfSession } from "../ui/signed-in.tsx";

const PAGE_SIZE = 20;

/** The shopper's appointments. */
export function AppointmentsView() {
  const { brand, mesh, paths } = useApp();
  const person = usePerson(mesh.shopper.session);
  const list = useList();
  useEndOfSession(list.error);
  return (
    <div className="narrow">
      <Heading title="My appointments" brand={brand} />
      {person && <p className="lead">Signed in as {person.displayName}</p>}
      {list.error !== undefined && <ErrorNotice error={list.error} onRetry={list.more} />}
      {!list.appointments && list.error === undefined && (
        <Waiting label="Loading your appointments" shapes={["card", "card"]} />
      )}
      {list.appointments?.length === 0 && (
        <div className="empty">
          <p>You have no appointments yet.</p>
          <Link to={paths.stores()} className="button">
            Book one
          </Link>
        </div>
      )}
      <ul className="appointments">
        {list.appointments?.map((appointment) => (
          <Item
            key={appointment.appointmentId}
            appointment={appointment}
            slot={list.slots.get(appointment.slotId)}
            onCancelled={list.replace}
          />
        ))}
      </ul>
      {list.hasMore && (
        <button type="button" className="button quiet wide" onClick={list.more}>
          Show older ones
        </button>
      )}
    </div>
  );
}

function Item({
  appointment,
  slot,
  onCancelled,
}: {
  appointment: Appointment;
  slot: SlotView | undefined;
  onCancelled: (appointment: Appointment) => void;
}) {
  const { catalog, paths } = useApp();
  const { appointmentId, state, refusalReason, storeId, slotId } = appointment;
  const store = catalog?.findStore(storeId);
  const { tone } = appointmentWords(state, refusalReason);
  const isOpen = state === AppointmentState.PENDING || state === AppointmentState.CONFIRMED;
  const what = `${store?.name ?? "Appointment"}${slot ? `, ${formatMoment(slot.startMs, slot.timeZone)}` : ""}`;
  return (
    <li className={`card appointment ${isOpen ? "" : "past"}`}>
      <p className={`state tone-${tone}`}>
        <ToneSymbol tone={tone} />
        {stateWord(state)}
      </p>
      <h2>{store?.name ?? "\u00a0"}</h2>
      <div>
        {slot ? (
          <>
            {formatDay(slot.startMs, slot.timeZone)}
            <br />
            <strong>{formatRange(slot.startMs, slot.endMs, slot.timeZone)}</strong>
          </>
        ) : (
          <Waiting label="Loading the time" shapes={["line", "line"]} />
        )}
      </div>
      <div className="actions">
        <Link
          to={paths.appointment(appointmentId, { storeId, slotId })}
          className={`button ${isOpen ? "" : "quiet"}`}
        >
          {state === AppointmentState.CONFIRMED ? "Show code" : "Details"}
          <span className="unseen"> for {what}</span>
        </Link>
        {isOpen && (
          <CancelButton
            appointment={appointment}
            what={what}
            onCancelled={(cancelled) => {
              onCancelled(cancelled);
              announce(`Cancelled: ${what}`);
            }}
          />
        )}
      </div>
    </li>
  );
}

/** Loads pages of appointments, and the slots they are in. */
function useList() {
  const { mesh } = useApp();
  const { scheduling, inventory } = mesh.shopper;
  const [appointments, setAppointments] = useState<readonly Appointment[]>();
  const [slots, setSlots] = useState<ReadonlyMap<string, SlotView>>(new Map());
  const [nextPage, setNextPage] = useState<string>();
  const [error, setError] = useState<unknown>();

  async function load(pageToken: string, signal?: AbortSignal): Promise<void> {
    setError(undefined);
    try {
      const options = signal ? { signal } : {};
      const page = await scheduling.listAppointments({ pageSize: PAGE_SIZE, pageToken }, options);
      setAppointments((before) => [
        ...(pageToken === "" ? [] : (before ?? [])),
        ...page.appointments,
      ]);
      setNextPage(page.nextPageToken);
      const bySlot = new Map(page.appointments.map((one) => [one.slotId, one.storeId]));
      const answers = await Promise.all(
        [...bySlot].map(([slotId, storeId]) =>
          inventory.getSlot({ storeId, slotId }, options).catch(() => ({ slot: undefined })),
        ),
      );
      const found = answers.flatMap(({ slot }) => (slot ? [toSlotView(slot)] : []));
      setSlots((before) => new Map([...before, ...found.map((one) => [one.slotId, one] as const)]));
    } catch (caught) {
      if (!signal?.aborted) {
        setError(caught);
      }
    }
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: the first page is loaded once.
  useEffect(() => {
    const stop = new AbortController();
    void load("", stop.signal);
    return () => stop.abort();
  }, [mesh]);

  return {
    appointments,
    slots,
    error,
    hasMore: nextPage !== undefined && nextPage !== "",
    more: () => void load(nextPage ?? ""),
    replace: (next: Appointment) => {
      mesh.wishes.forget(next.slotId);
      setAppointments((before) =>
        before?.map((one) => (one.appointmentId === next.appointmentId ? next : one)),
      );
    },
  };
}
