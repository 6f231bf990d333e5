// What every view may ask for: the way to the mesh, the addresses, and the stores.

import { createContext, useContext } from "react";
import type { Service, Store } from "#gen/slotmesh/inventory/v1/store_pb.ts";
import type { Mesh } from "../api/mesh.ts";
import type { Paths } from "../lib/paths.ts";

/** The tenant's stores, and what is booked in them. */
export interface Catalog {
  readonly stores: readonly Store[];
  readonly services: ReadonlyMap<string, Service>;
  findStore(storeId: string | undefined): Store | undefined;
}

/** What every view may ask for. */
export interface AppContext {
  readonly mesh: Mesh;
  readonly paths: Paths;
  /** The tenant's name as people know it. */
  readonly brand: string;
  /** Absent while it is loaded for the first time. */
  readonly catalog: Catalog | undefined;
  /** Why it could not be loaded. */
  readonly catalogError: unknown;
  readonly reloadCatalog: () => void;
}

export const AppContextProvider = createContext<AppContext | undefined>(undefined);

/** Returns what every view may ask for. */
export function useApp(): AppContext {
  const app = useContext(AppContextProvider);
  if (!app) {
    throw new Error("useApp is called outside of the app");
  }
  return app;
}
