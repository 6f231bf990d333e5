// The frame of the page: who runs it, where one can go, and the view of the present address.

import { lazy, type ReactNode, Suspense, useMemo } from "react";
import { loadCatalog } from "./api/catalog.ts";
import { type Mesh, openMesh } from "./api/mesh.ts";
import { pathsOf, type Route, readPlace } from "./lib/paths.ts";
import { type AppContext, AppContextProvider, useApp } from "./ui/app-context.ts";
import { usePerson, usePolled } from "./ui/hooks.ts";
import { Mark } from "./ui/icons.tsx";
import { announce, LiveRegion } from "./ui/live.tsx";
import { Waiting } from "./ui/parts.tsx";
import { Link, navigate, useAddress } from "./ui/router.tsx";
import { SignedIn } from "./ui/signed-in.tsx";
import { AppointmentView } from "./views/appointment.tsx";
import { AppointmentsView } from "./views/appointments.tsx";
import { MissingView } from "./views/missing.tsx";
import { ReviewView } from "./views/review.tsx";
import { RegisterView, SignInView } from "./views/sign-in.tsx";
import { StoresView } from "./views/stores.tsx";
import { TimesView } from "./views/times.tsx";

const StaffView = lazy(() => import("./views/staff.tsx"));

/** Stores change seldom. */
const CATALOG_POLL_MS = 300_000;

/** The tenant that index.html was built for. */
export interface Tenant {
  readonly tenantId: string;
  readonly name: string;
}

/** The page. */
export function App({ tenant }: { tenant: Tenant }) {
  const address = useAddress();
  const { pathname, search } = new URL(address, location.origin);
  const { tenantId, base, route } = readPlace(pathname, search, tenant.tenantId);
  const mesh = useMemo(() => openMesh(tenantId), [tenantId]);
  const paths = useMemo(() => pathsOf(base), [base]);
  const catalog = usePolled(tenantId, (signal) => loadCatalog(tenantId, signal), CATALOG_POLL_MS);
  const context: AppContext = {
    mesh,
    paths,
    brand: tenantId === tenant.tenantId ? tenant.name : tenantId,
    catalog: catalog.data,
    catalogError: catalog.error,
    reloadCatalog: catalog.refresh,
  };
  return (
    <AppContextProvider value={context}>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header mesh={mesh} isStaff={route.name === "staff"} />
      <main id="main" tabIndex={-1}>
        <Suspense fallback={<Waiting label="Loading" shapes={["line", "card"]} />}>
          <RouteView route={route} />
        </Suspense>
      </main>
      <Footer isStaff={route.name === "staff"} />
      <LiveRegion />
    </AppContextProvider>
  );
}

function RouteView({ route }: { route: Route }): ReactNode {
  switch (route.name) {
    case "stores":
      return <StoresView date={route.date} />;
    case "times":
      return <TimesView key={route.storeId} storeId={route.storeId} date={route.date} />;
    case "review":
      return (
        <ReviewView
          key={route.slotId}
          storeId={route.storeId}
          date={route.date}
          slotId={route.slotId}
        />
      );
    case "sign-in":
      return <SignInView key="sign-in" next={route.next} isEnded={route.isEnded} />;
    case "register":
      return <RegisterView key="register" next={route.next} />;
    case "appointments":
      return (
        <SignedIn>
          <AppointmentsView />
        </SignedIn>
      );
    case "appointment":
      return (
        <SignedIn>
          <AppointmentView
            key={route.appointmentId}
            appointmentId={route.appointmentId}
            storeId={route.storeId}
            slotId={route.slotId}
          />
        </SignedIn>
      );
    case "staff":
      return <StaffView />;
    default:
      return <MissingView />;
  }
}

function Header({ mesh, isStaff }: { mesh: Mesh; isStaff: boolean }) {
  const { brand, paths } = useApp();
  const person = usePerson(mesh.shopper.session);
  const signOut = () => {
    mesh.shopper.session.close();
    mesh.wishes.forgetAll();
    navigate(paths.stores());
    announce("You are signed out");
  };
  return (
    <header className="top">
      <div className="top-row">
        <Link to={paths.stores()} className="brand">
          <Mark />
          <span className="brand-name">{brand}</span>
          {isStaff && <span className="brand-part">Counter</span>}
        </Link>
        {!isStaff && (
          <nav aria-label="Your account">
            {person ? (
              <>
                <Link to={paths.appointments()} className="nav-link">
                  My appointments
                </Link>
                <button type="button" className="link nav-link" onClick={signOut}>
                  Sign out
                </button>
              </>
            ) : (
              <Link to={paths.signIn()} className="nav-link">
                Sign in
              </Link>
            )}
          </nav>
        )}
      </div>
    </header>
  );
}

function Footer({ isStaff }: { isStaff: boolean }) {
  const { brand, paths } = useApp();
  return (
    <footer className="bottom">
      <p>{brand} appointments. Times are always those at the store.</p>
      <p>
        {isStaff ? (
          <Link to={paths.stores()} className="foot-link">
            To the shoppers' page
          </Link>
        ) : (
          <Link to={paths.staff()} className="foot-link">
            Staff: redeem a code
          </Link>
        )}
      </p>
    </footer>
  );
}
