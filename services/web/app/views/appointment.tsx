// One appointment: watched until it has its answer, then its code, large, with its QR image. The address
// carries store and slot, because an appointment that is still queued does not.

import { Code } from "@connectrpc/connect";
import { useEffect, useRef, useState } from "react";
import { CodeState, type PickupCode } from "#gen/slotmesh/codes/v1/code_pb.ts";
import type { GetCodeResponse } from "#gen/slotmesh/codes/v1/codes_service_pb.ts";
import {
  type Appointment,
  AppointmentState,
  RefusalReason,
} from "#gen/slotmesh/scheduling/v1/appointment_pb.ts";
import { followAppointment } from "../api/follow.ts";
import { fullJitterMs, sleep } from "../lib/backoff.ts";
import { groupCode, spellCode } from "../lib/code.ts";
import { toMs, toSlotView } from "../lib/convert.ts";
import { formatDay, formatMoment, formatRange, localDate } from "../lib/format.ts";
import type { SlotView } from "../lib/slots.ts";
import { appointmentWords, codeOf, isPassing, type Words } from "../lib/words.ts";
import { type Catalog, useApp } from "../ui/app-context.ts";
import { CancelButton } from "../ui/cancel-button.tsx";
import { type Polled, usePolled, useVisible } from "../ui/hooks.ts";
import { BackIcon } from "../ui/icons.tsx";
import { useAnnounced } from "../ui/live.tsx";
import { ErrorNotice, Heading, Notice, ToneSymbol, Waiting } from "../ui/parts.tsx";
import { Link } from "../ui/router.tsx";
import { useEndOfSession } from "../ui/signed-in.tsx";

const STREAM_MS = 300_000;
const CODE_ATTEMPTS_MAX = 12;
const CODE_BASE_MS = 300;
const CODE_CAP_MS = 5000;
const SLOT_POLL_MS = 600_000;
/** How often it is looked whether the store has used the code. */
const CODE_POLL_MS = 8000;

/** One appointment. */
export function AppointmentView(props: {
  appointmentId: string;
  storeId: string | undefined;
  slotId: string | undefined;
}) {
  const { appointmentId } = props;
  const { brand, mesh, catalog, paths } = useApp();
  const { appointment, error, isTrouble, replace, retry } = useFollowed(appointmentId);
  useEndOfSession(error);
  const storeId = appointment?.storeId || props.storeId;
  const slotId = appointment?.slotId || props.slotId;
  const slot = useSlot(storeId, slotId);
  const state = appointment?.state ?? AppointmentState.PENDING;
  const code = useCode(state === AppointmentState.CONFIRMED ? appointmentId : undefined);
  const isUsed = code.data?.code?.state === CodeState.REDEEMED;
  const words = isUsed
    ? usedWords(code.data?.code, catalog)
    : appointmentWords(state, appointment?.refusalReason ?? RefusalReason.UNSPECIFIED);
  const store = catalog?.findStore(storeId);
  useAnnounced(appointment ? `${words.title}. ${words.text}` : "");

  // A wish is over when its answer is no, or when it was given back: the next one is another wish.
  useEffect(() => {
    if (slotId && state !== AppointmentState.PENDING && state !== AppointmentState.CONFIRMED) {
      mesh.wishes.forget(slotId);
    }
  }, [slotId, state, mesh]);

  const what = slot && store && `${store.name}, ${formatMoment(slot.startMs, slot.timeZone)}`;
  const isOpen =
    !isUsed && (state === AppointmentState.PENDING || state === AppointmentState.CONFIRMED);
  return (
    <div className="narrow">
      <Link to={paths.appointments()} className="back">
        <BackIcon /> My appointments
      </Link>
      <Heading title={words.title} brand={brand}>
        <span className={`state tone-${words.tone}`}>
          <ToneSymbol tone={words.tone} />
          {words.title}
        </span>
      </Heading>
      <p className="lead">{words.text}</p>
      {isTrouble && state === AppointmentState.PENDING && (
        <p className="hint" role="status">
          Reconnecting… your request is not affected.
        </p>
      )}
      {error !== undefined && <ErrorNotice error={error} onRetry={retry} />}
      {state === AppointmentState.PENDING && error === undefined && (
        <Waiting label="Waiting for the answer" shapes={["code-shape"]} />
      )}
      {state === AppointmentState.CONFIRMED && <CodeCard code={code} />}
      <dl className="card facts">
        <div>
          <dt>Where</dt>
          <dd>
            {store ? store.name : <Waiting label="Loading" shapes={["line"]} />}
            <span className="hint">{store?.address}</span>
          </dd>
        </div>
        <div>
          <dt>When</dt>
          <dd>
            {slot ? (
              <>
                {formatDay(slot.startMs, slot.timeZone)}
                <strong>{formatRange(slot.startMs, slot.endMs, slot.timeZone)}</strong>
              </>
            ) : (
              <Waiting label="Loading" shapes={["line"]} />
            )}
          </dd>
        </div>
        {appointment && appointment.partySize > 0 && (
          <div>
            <dt>For</dt>
            <dd>{appointment.partySize === 1 ? "1 person" : `${appointment.partySize} people`}</dd>
          </div>
        )}
      </dl>
      <div className="actions">
        {!isOpen && !isUsed && slot && (
          <Link to={timesPath(paths, slot)} className="button">
            Choose another time
          </Link>
        )}
        {isOpen && appointment && (
          <CancelButton
            appointment={appointment}
            what={what ?? "This appointment"}
            onCancelled={replace}
          />
        )}
      </div>
    </div>
  );
}

function timesPath(paths: ReturnType<typeof useApp>["paths"], slot: SlotView): string {
  return paths.times(slot.storeId, localDate(slot.startMs, slot.timeZone));
}

/** Follows an appointment while the tab is shown, until it has its answer. */
function useFollowed(appointmentId: string) {
  const { scheduling } = useApp().mesh.shopper;
  const isVisible = useVisible();
  const [appointment, setAppointment] = useState<Appointment>();
  const [error, setError] = useState<unknown>();
  const [isTrouble, setIsTrouble] = useState(false);
  const [round, setRound] = useState(0);
  // A look that comes late must not bring back what was cancelled meanwhile.
  const isOver = useRef(false);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round follows anew.
  useEffect(() => {
    if (!isVisible) {
      return;
    }
    const stop = new AbortController();
    const { signal } = stop;
    const follow = async () => {
      const { appointment: found } = await scheduling
        .getAppointment({ appointmentId }, { signal })
        .catch((caught: unknown) => {
          // Let in a moment ago, a look may not find it yet; the stream does. Else it is not theirs.
          if (isPassing(caught) || (codeOf(caught) === Code.NotFound && hasSlot())) {
            return { appointment: undefined };
          }
          throw caught;
        });
      if (found && !isOver.current) {
        setAppointment(found);
      }
      if (found && found.state !== AppointmentState.PENDING) {
        return;
      }
      await followAppointment({
        watch: (within) =>
          scheduling.watchAppointment({ appointmentId }, { signal: within, timeoutMs: STREAM_MS }),
        get: (within) => scheduling.getAppointment({ appointmentId }, { signal: within }),
        onState: (next) => {
          if (!isOver.current) {
            setAppointment((before) => ({ ...before, ...keepKnown(next) }) as Appointment);
          }
        },
        onTrouble: setIsTrouble,
        signal,
      });
    };
    setError(undefined);
    follow().catch((caught: unknown) => {
      if (!signal.aborted) {
        setError(caught);
      }
    });
    return () => stop.abort();
  }, [appointmentId, isVisible, scheduling, round]);

  return {
    appointment,
    error,
    isTrouble,
    replace: (next: Appointment) => {
      isOver.current = true;
      setAppointment(next);
    },
    retry: () => setRound((count) => count + 1),
  };
}

/** A PENDING answer of the stream names id and state only: what is known besides stays. */
function keepKnown(next: Appointment): Partial<Appointment> {
  const { appointmentId, state } = next;
  return state === AppointmentState.PENDING ? { appointmentId, state } : next;
}

function hasSlot(): boolean {
  return new URLSearchParams(location.search).has("slot");
}

/** Loads the slot of an appointment. */
function useSlot(storeId: string | undefined, slotId: string | undefined): SlotView | undefined {
  const { inventory } = useApp().mesh.shopper;
  const { data } = usePolled(
    storeId && slotId ? `${storeId} ${slotId}` : undefined,
    async (signal) => {
      const answer = await inventory.getSlot(
        { storeId: storeId ?? "", slotId: slotId ?? "" },
        { signal },
      );
      return answer.slot && toSlotView(answer.slot);
    },
    SLOT_POLL_MS,
  );
  return data;
}

/** Loads a code: it is issued some milliseconds after the appointment is confirmed. */
async function loadCode(get: () => Promise<GetCodeResponse>, signal: AbortSignal) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await get();
    } catch (error) {
      const isEarly = codeOf(error) === Code.NotFound;
      if (!isEarly || attempt === CODE_ATTEMPTS_MAX || signal.aborted) {
        throw error;
      }
      await sleep(fullJitterMs(attempt, CODE_BASE_MS, CODE_CAP_MS), signal);
    }
  }
}

/** Follows the code of a confirmed appointment. */
function useCode(appointmentId: string | undefined): Polled<GetCodeResponse> {
  const { codes } = useApp().mesh.shopper;
  const code = usePolled(
    appointmentId,
    (signal) =>
      loadCode(() => codes.getCode({ appointmentId: appointmentId ?? "" }, { signal }), signal),
    CODE_POLL_MS,
  );
  useEndOfSession(code.error);
  return code;
}

const OVER: Words = {
  tone: "bad",
  title: "This code is over",
  text: "Its time has passed, so the store cannot take it. You can book another time.",
};

function usedWords(code: PickupCode | undefined, catalog: Catalog | undefined): Words {
  const store = catalog?.findStore(code?.storeId);
  const redeemedMs = toMs(code?.redemption?.redeemTime) ?? 0;
  return {
    tone: "good",
    title: "Used",
    text: `${store?.name ?? "The store"} used this code ${formatMoment(redeemedMs, store?.timeZone ?? "UTC")}. Thank you for coming.`,
  };
}

function CodeCard({ code: { data, error, refresh } }: { code: Polled<GetCodeResponse> }) {
  const code = data?.code;
  if (!code) {
    return error === undefined ? (
      <Waiting label="Loading your code" shapes={["code-shape"]} />
    ) : (
      <ErrorNotice error={error} onRetry={refresh} />
    );
  }
  if (code.state === CodeState.REDEEMED) {
    return null; // The heading says it all.
  }
  if (code.state !== CodeState.LIVE) {
    return <Notice words={OVER} />;
  }
  return (
    <section className="card code-card" aria-label="Your pickup code">
      <p className="code-label" id="code-label">
        Your pickup code
      </p>
      <p className="code">
        <span aria-hidden="true">{groupCode(code.code)}</span>
        <span className="unseen">{spellCode(code.code)}</span>
      </p>
      {data.qrSvg !== "" && (
        <img
          className="qr"
          width="232"
          height="232"
          alt={`QR code of ${spellCode(code.code)}`}
          src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(data.qrSvg)}`}
        />
      )}
      <p className="hint">Show this at the store, on the screen or on paper. It works once.</p>
    </section>
  );
}
