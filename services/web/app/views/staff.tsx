// The counter: staff sign in, choose the store they stand in, and redeem codes. Loaded only here; a
// shopper's phone never sees it.

import { useState } from "react";
import { Role, type Session as SessionMessage } from "#gen/slotmesh/identity/v1/profile_pb.ts";
import type { Store } from "#gen/slotmesh/inventory/v1/store_pb.ts";
import type { Person } from "../api/session.ts";
import { useApp } from "../ui/app-context.ts";
import { usePerson } from "../ui/hooks.ts";
import { ErrorNotice, Heading, Notice, Waiting } from "../ui/parts.tsx";
import { navigate } from "../ui/router.tsx";
import { Redeem } from "./redeem.tsx";
import { SignInForm } from "./sign-in.tsx";

const STORE_KEY = "counter-store";

/** The counter. */
export default function StaffView() {
  const { brand, mesh, catalog, catalogError, reloadCatalog } = useApp();
  const person = usePerson(mesh.staff.session);
  return (
    <div className="narrow">
      <Heading title={person ? "Redeem a code" : "Staff sign-in"} brand={brand} />
      {!person && (
        <>
          <p className="lead">For people who work in a store. Shoppers sign in at the top.</p>
          <SignInForm
            actor={mesh.staff}
            tenantId={mesh.tenantId}
            label="Sign in"
            accept={refusalOf}
          />
        </>
      )}
      {person && catalogError !== undefined && !catalog && (
        <ErrorNotice error={catalogError} onRetry={reloadCatalog} />
      )}
      {person && !catalog && catalogError === undefined && (
        <Waiting label="Loading your stores" shapes={["line", "card"]} />
      )}
      {person && catalog && <Counter person={person} stores={storesOf(person, catalog.stores)} />}
    </div>
  );
}

function refusalOf({ profile }: SessionMessage): string | undefined {
  return profile?.role === Role.STAFF || profile?.role === Role.MANAGER
    ? undefined
    : "This is a shopper's account. Sign in with the one the store gave you.";
}

/** A manager stands in every store, a clerk in those they are assigned to. */
function storesOf(person: Person, stores: readonly Store[]): readonly Store[] {
  return person.role === Role.MANAGER
    ? stores
    : stores.filter(({ storeId }) => person.storeIds.includes(storeId));
}

function Counter({ person, stores }: { person: Person; stores: readonly Store[] }) {
  const { mesh, paths } = useApp();
  const key = `slotmesh.${mesh.tenantId}.${STORE_KEY}`;
  const [chosen, setChosen] = useState(localStorage.getItem(key) ?? "");
  const store =
    stores.find(({ storeId }) => storeId === chosen) ??
    (stores.length === 1 ? stores[0] : undefined);
  if (stores.length === 0) {
    return (
      <Notice
        words={{
          tone: "bad",
          title: "No store is yours yet",
          text: "Ask a manager to assign you to a store, then sign in again.",
        }}
      />
    );
  }
  return (
    <>
      <div className="field">
        <label htmlFor="counter-store">Store you are in</label>
        <select
          id="counter-store"
          value={store?.storeId ?? ""}
          onChange={(event) => {
            localStorage.setItem(key, event.target.value);
            setChosen(event.target.value);
          }}
        >
          {!store && <option value="">Choose a store</option>}
          {stores.map(({ storeId, name }) => (
            <option key={storeId} value={storeId}>
              {name}
            </option>
          ))}
        </select>
      </div>
      {store ? (
        <Redeem key={store.storeId} store={store} person={person} />
      ) : (
        <p className="empty">Choose the store you are in, then type codes here.</p>
      )}
      <p className="counter-foot">
        Signed in as {person.displayName} ·{" "}
        <button
          type="button"
          className="link"
          onClick={() => {
            mesh.staff.session.close();
            navigate(paths.staff(), { replace: true });
          }}
        >
          Sign out
        </button>
      </p>
    </>
  );
}
