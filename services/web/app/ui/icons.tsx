// The page's few pictures, drawn in the colour of the text beside them. None says anything that words
// beside it do not.

import type { ReactNode } from "react";

function Icon({ children, className = "" }: { children: ReactNode; className?: string }) {
  return (
    <svg className={`icon ${className}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

/** All is well. */
export function CheckIcon() {
  return (
    <Icon>
      <circle cx="12" cy="12" r="9.5" />
      <path d="m7.8 12.4 2.9 2.8 5.6-6" />
    </Icon>
  );
}

/** It did not go well. */
export function CrossIcon() {
  return (
    <Icon>
      <circle cx="12" cy="12" r="9.5" />
      <path d="m8.7 8.7 6.6 6.6m0-6.6-6.6 6.6" />
    </Icon>
  );
}

/** It takes a while. */
export function ClockIcon() {
  return (
    <Icon>
      <circle cx="12" cy="12" r="9.5" />
      <path d="M12 6.8V12l3.4 2.2" />
    </Icon>
  );
}

/** Good to know. */
export function InfoIcon() {
  return (
    <Icon>
      <circle cx="12" cy="12" r="9.5" />
      <path d="M12 11v5.4M12 7.6v.1" />
    </Icon>
  );
}

/** A place. */
export function PinIcon() {
  return (
    <Icon>
      <path d="M12 21.2s6.8-6 6.8-11.2a6.8 6.8 0 1 0-13.6 0c0 5.2 6.8 11.2 6.8 11.2Z" />
      <circle cx="12" cy="10" r="2.5" />
    </Icon>
  );
}

/** Back. */
export function BackIcon() {
  return (
    <Icon>
      <path d="m14.5 6-6 6 6 6" />
    </Icon>
  );
}

/** The page's mark. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" className="mark-ground" />
      <path
        d="M5.5 9h21v4.5a2.5 2.5 0 0 0 0 5V23h-21v-4.5a2.5 2.5 0 0 0 0-5Z"
        className="mark-ticket"
      />
      <path d="m11.6 16.2 3.1 3 5.7-6" className="mark-tick" />
    </svg>
  );
}
