// Signing in and registering. Both lead back to where one came from.

import { type ReactNode, useEffect, useRef, useState } from "react";
import type { Session as SessionMessage } from "#gen/slotmesh/identity/v1/profile_pb.ts";
import { Role } from "#gen/slotmesh/identity/v1/profile_pb.ts";
import { type Actor, identity, makeRequestId } from "../api/mesh.ts";
import { useApp } from "../ui/app-context.ts";
import { usePerson } from "../ui/hooks.ts";
import { ErrorNotice, Field, Heading, Notice } from "../ui/parts.tsx";
import { Link, navigate } from "../ui/router.tsx";

const NAME_MAX = 128;
const NAME_MIN = 3;
const PASSWORD_MAX = 128;
const PASSWORD_MIN = 8;

/** Signing in. */
export function SignInView({ next, isEnded }: { next: string; isEnded: boolean }) {
  const { brand, mesh, paths } = useApp();
  const isBooking = isReviewPath(next);
  useLeaveWhenSignedIn(mesh.shopper, next || paths.stores());
  return (
    <div className="narrow">
      <Heading title="Sign in" brand={brand} />
      {isEnded && (
        <Notice
          words={{
            tone: "plain",
            title: "Your session has ended",
            text: "Sign in again and you go on where you were.",
          }}
        />
      )}
      {isBooking && <p className="lead">Your time is chosen. Sign in and we book it at once.</p>}
      <SignInForm
        actor={mesh.shopper}
        tenantId={mesh.tenantId}
        label={isBooking ? "Sign in and book" : "Sign in"}
      />
      <p className="centred">
        New here?{" "}
        <Link to={paths.register(next || undefined)} className="strong-link">
          Register
        </Link>
      </p>
    </div>
  );
}

/** Registering. */
export function RegisterView({ next }: { next: string }) {
  const { brand, mesh, paths } = useApp();
  const isBooking = isReviewPath(next);
  useLeaveWhenSignedIn(mesh.shopper, next || paths.stores());
  return (
    <div className="narrow">
      <Heading title="Register" brand={brand} />
      {isBooking && <p className="lead">Your time is chosen. Register and we book it at once.</p>}
      <RegisterForm
        actor={mesh.shopper}
        tenantId={mesh.tenantId}
        label={isBooking ? "Register and book" : "Register"}
      />
      <p className="centred">
        Been here before?{" "}
        <Link to={paths.signIn(next || undefined)} className="strong-link">
          Sign in
        </Link>
      </p>
    </div>
  );
}

/** The form that opens a session of an actor. */
export function SignInForm({
  actor,
  tenantId,
  label,
  accept,
}: {
  actor: Actor;
  tenantId: string;
  label: string;
  /** Says why a session is not for here; undefined if it is. */
  accept?: (session: SessionMessage) => string | undefined;
}) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const form = useForm(async () => {
    const { session } = await identity.signIn({ tenantId, signInName: name, password });
    const refusal = session && accept?.(session);
    if (refusal !== undefined) {
      throw new Refusal(refusal);
    }
    if (session) {
      actor.session.open(session);
    }
  });
  const errors = form.isTried
    ? {
        name: name.trim() === "" ? "Type the name you registered with" : undefined,
        password: password === "" ? "Type your password" : undefined,
      }
    : {};
  return (
    <form
      className="stack"
      noValidate
      onSubmit={form.submitIf(name.trim() !== "" && password !== "")}
    >
      <FormError error={form.error} />
      <NameField value={name} onChange={setName} error={errors.name} />
      <PasswordField
        value={password}
        onChange={setPassword}
        error={errors.password}
        autoComplete="current-password"
      />
      <SubmitButton isBusy={form.isBusy} label={label} busy="Signing in…" />
    </form>
  );
}

function RegisterForm({
  actor,
  tenantId,
  label,
}: {
  actor: Actor;
  tenantId: string;
  label: string;
}) {
  const [name, setName] = useState("");
  const [displayName, setDisplayName] = useState("");
  const [password, setPassword] = useState("");
  // One attempt has one id, so that a retry of a registration whose answer was lost finds it done.
  const attempt = useRef({ of: "", requestId: "" });
  const form = useForm(async () => {
    const of = `${name}\n${password}`;
    if (attempt.current.of !== of) {
      attempt.current = { of, requestId: makeRequestId() };
    }
    const { requestId } = attempt.current;
    const { session } = await identity.registerShopper({
      tenantId,
      signInName: name,
      password,
      displayName,
      requestId,
    });
    if (session) {
      actor.session.open(session);
    }
  });
  const isNameGood = name.trim().length >= NAME_MIN;
  const isPasswordGood = password.length >= PASSWORD_MIN;
  const errors = form.isTried
    ? {
        name: isNameGood ? undefined : `Use ${NAME_MIN} characters or more`,
        password: isPasswordGood ? undefined : `Use ${PASSWORD_MIN} characters or more`,
      }
    : {};
  return (
    <form className="stack" noValidate onSubmit={form.submitIf(isNameGood && isPasswordGood)}>
      <FormError error={form.error} />
      <NameField
        value={name}
        onChange={setName}
        error={errors.name}
        hint="You sign in with it later."
      />
      <Field label="Your name (optional)" hint="What the store calls you.">
        {(field) => (
          <input
            {...field}
            autoComplete="name"
            maxLength={NAME_MAX}
            value={displayName}
            onChange={(event) => setDisplayName(event.target.value)}
          />
        )}
      </Field>
      <PasswordField
        value={password}
        onChange={setPassword}
        error={errors.password}
        hint={`${PASSWORD_MIN} characters or more.`}
        autoComplete="new-password"
      />
      <SubmitButton isBusy={form.isBusy} label={label} busy="Registering…" />
    </form>
  );
}

/** A refusal of the page itself, in a sentence. */
class Refusal extends Error {}

/** What both forms do: send once at a time, keep the error, and lead the eye to the first wrong field. */
function useForm(send: () => Promise<void>) {
  const [isBusy, setIsBusy] = useState(false);
  const [isTried, setIsTried] = useState(false);
  const [error, setError] = useState<unknown>();
  return {
    isBusy,
    isTried,
    error,
    submitIf:
      (isGood: boolean) => (event: { preventDefault(): void; currentTarget: HTMLElement }) => {
        event.preventDefault();
        const form = event.currentTarget;
        setIsTried(true);
        setError(undefined);
        if (!isGood) {
          requestAnimationFrame(() => form.querySelector<HTMLElement>("[aria-invalid]")?.focus());
          return;
        }
        if (isBusy) {
          return;
        }
        setIsBusy(true);
        send()
          .catch(setError)
          .finally(() => setIsBusy(false));
      },
  };
}

function FormError({ error }: { error: unknown }): ReactNode {
  if (error === undefined) {
    return null;
  }
  return error instanceof Refusal ? (
    <Notice words={{ tone: "bad", title: "Not this account", text: error.message }} isSaid />
  ) : (
    <ErrorNotice error={error} />
  );
}

function NameField({
  value,
  onChange,
  error,
  hint,
}: {
  value: string;
  onChange: (value: string) => void;
  error: string | undefined;
  hint?: string;
}) {
  return (
    <Field label="Email, phone or name" error={error} {...(hint !== undefined && { hint })}>
      {(field) => (
        <input
          {...field}
          autoComplete="username"
          autoCapitalize="none"
          autoCorrect="off"
          spellCheck={false}
          maxLength={NAME_MAX}
          required
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

function PasswordField({
  value,
  onChange,
  error,
  hint,
  autoComplete,
}: {
  value: string;
  onChange: (value: string) => void;
  error: string | undefined;
  hint?: string;
  autoComplete: "current-password" | "new-password";
}) {
  const [isShown, setIsShown] = useState(false);
  return (
    <Field label="Password" error={error} {...(hint !== undefined && { hint })}>
      {(field) => (
        <div className="with-button">
          <input
            {...field}
            type={isShown ? "text" : "password"}
            autoComplete={autoComplete}
            autoCapitalize="none"
            autoCorrect="off"
            spellCheck={false}
            maxLength={PASSWORD_MAX}
            required
            value={value}
            onChange={(event) => onChange(event.target.value)}
          />
          <button
            type="button"
            className="button quiet"
            aria-pressed={isShown}
            aria-label="Show the password"
            onClick={() => setIsShown(!isShown)}
          >
            {isShown ? "Hide" : "Show"}
          </button>
        </div>
      )}
    </Field>
  );
}

function SubmitButton({ isBusy, label, busy }: { isBusy: boolean; label: string; busy: string }) {
  return (
    <button type="submit" className="button wide" aria-disabled={isBusy}>
      {isBusy ? busy : label}
    </button>
  );
}

/** Goes on as soon as someone is signed in, also when that happened in another tab. */
function useLeaveWhenSignedIn(actor: Actor, to: string): void {
  const person = usePerson(actor.session);
  useEffect(() => {
    if (person?.role === Role.SHOPPER) {
      navigate(to, { replace: true });
    }
  }, [person, to]);
}

function isReviewPath(path: string): boolean {
  return /\/stores\/\d+\/[\d-]+\/\d+$/.test(path);
}
