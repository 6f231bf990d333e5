// Giving an appointment back, in two steps: the dialog says what is lost, and the safe button is the one
// that has the focus.

import { useRef, useState } from "react";
import type { Appointment } from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { useApp } from "./app-context.ts";
import { ErrorNotice } from "./parts.tsx";

/** The button, and its dialog. */
export function CancelButton({
  appointment,
  what,
  onCancelled,
}: {
  appointment: Appointment;
  /** The appointment in words: "BetterBuy - Aiea, Friday, November 27, 9:00 a.m. (HST)". */
  what: string;
  onCancelled: (appointment: Appointment) => void;
}) {
  const { mesh } = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const { appointmentId } = appointment;

  async function cancel(): Promise<void> {
    if (isBusy) {
      return;
    }
    setIsBusy(true);
    setError(undefined);
    try {
      const answer = await mesh.shopper.scheduling.cancelAppointment({ appointmentId });
      dialog.current?.close();
      if (answer.appointment) {
        onCancelled(answer.appointment);
      }
    } catch (caught) {
      setError(caught);
    } finally {
      setIsBusy(false);
    }
  }

  return (
    <>
      <button type="button" className="button danger" onClick={() => dialog.current?.showModal()}>
        Cancel appointment
        <span className="unseen"> {what}</span>
      </button>
      <dialog ref={dialog} aria-labelledby={`cancel-${appointmentId}`}>
        <h2 id={`cancel-${appointmentId}`}>Give this appointment back?</h2>
        <p>{what}</p>
        <p className="hint">
          The code stops working and someone else can have the spot. This cannot be undone.
        </p>
        {error !== undefined && <ErrorNotice error={error} />}
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={() => dialog.current?.close()}>
            Keep it
          </button>
          <button
            type="button"
            className="button danger"
            aria-disabled={isBusy}
            onClick={() => void cancel()}
          >
            {isBusy ? "Cancelling…" : "Yes, cancel it"}
          </button>
        </div>
      </dialog>
    </>
  );
}
