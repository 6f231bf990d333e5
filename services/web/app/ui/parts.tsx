// What every view is made of: its heading, notices, fields, and what stands there while it loads.

import { type ReactNode, useEffect, useId, useRef } from "react";
import { errorWords, type Tone, type Words } from "../lib/words.ts";
import { CheckIcon, ClockIcon, CrossIcon, InfoIcon } from "./icons.tsx";
import { announce } from "./live.tsx";

const SYMBOLS: Record<Tone, () => ReactNode> = {
  good: CheckIcon,
  wait: ClockIcon,
  bad: CrossIcon,
  plain: InfoIcon,
};

/** The symbol of a tone. */
export function ToneSymbol({ tone }: { tone: Tone }) {
  const Drawing = SYMBOLS[tone];
  return <Drawing />;
}

let isFirstView = true;

/** Sets the document's title, and moves the focus to a view's heading when it is reached by a link: a
 * screen reader then says where one is. The first view leaves the focus where the browser puts it. */
export function Heading({
  title,
  brand,
  children,
}: {
  title: string;
  brand: string;
  children?: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} – ${brand}`;
  }, [title, brand]);
  useEffect(() => {
    if (!isFirstView) {
      heading.current?.focus({ preventScroll: true });
    }
    isFirstView = false;
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children ?? title}
    </h1>
  );
}

/** What happened, and what to do next. */
export function Notice({
  words: { tone, title, text },
  children,
  isSaid = false,
}: {
  words: Words;
  children?: ReactNode;
  /** Tells screen readers when it appears. */
  isSaid?: boolean;
}) {
  useEffect(() => {
    if (isSaid) {
      announce(`${title}. ${text}`);
    }
  }, [isSaid, title, text]);
  return (
    <div className={`notice tone-${tone}`}>
      <ToneSymbol tone={tone} />
      <div>
        <p className="notice-title">{title}</p>
        <p>{text}</p>
        {children}
      </div>
    </div>
  );
}

/** An error, with a way to try again. */
export function ErrorNotice({
  error,
  onRetry,
  isFloating = false,
}: {
  error: unknown;
  onRetry?: () => void;
  /** What was known stays on the page, and the notice lies over its foot: nothing jumps. */
  isFloating?: boolean;
}) {
  const notice = (
    <Notice words={errorWords(error)} isSaid>
      {onRetry && (
        <button type="button" className="button quiet" onClick={onRetry}>
          Try again
        </button>
      )}
    </Notice>
  );
  return isFloating ? <div className="floating">{notice}</div> : notice;
}

/** A labelled field. */
export function Field({
  label,
  hint,
  error,
  children,
}: {
  label: string;
  hint?: string;
  error?: string | undefined;
  children: (ids: {
    id: string;
    "aria-describedby": string | undefined;
    "aria-invalid": true | undefined;
  }) => ReactNode;
}) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children({
        id,
        "aria-describedby": described || undefined,
        "aria-invalid": error ? true : undefined,
      })}
      {error && (
        <p className="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

/** Grey shapes of the size of what will stand there, so that nothing jumps. */
export function Waiting({ label, shapes }: { label: string; shapes: readonly string[] }) {
  // A line or a number stands in its place already; larger things keep their distance.
  const isBlock = shapes.some((shape) => shape !== "line" && shape !== "count-shape");
  return (
    <div className={isBlock ? "waiting apart" : "waiting"}>
      <span className="unseen">{label}</span>
      {shapes.map((shape, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: shapes have no other name and never move.
        <div key={index} className={`shape ${shape}`} aria-hidden="true" />
      ))}
    </div>
  );
}
