// How the page is built: no inline script or style (the gateway's Content-Security-Policy allows none),
// no rules engine, and whose page it is written into index.html.
//
// `npx vite --config services/web/vite.config.ts` serves it while it is worked on, and passes calls on to
// the gateway of a running mesh.

import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const APP = join(import.meta.dirname, "app");
const { SLOTMESH_WEB_TENANT, SLOTMESH_WEB_TENANT_NAME, SLOTMESH_GATEWAY_PORT } = process.env;
/** What stands in index.html for the page to read. */
const TENANT = {
  TENANT_ID: SLOTMESH_WEB_TENANT || "betterbuy",
  TENANT_NAME: SLOTMESH_WEB_TENANT_NAME || SLOTMESH_WEB_TENANT || "BetterBuy",
};
const GATEWAY = `http://127.0.0.1:${SLOTMESH_GATEWAY_PORT || 8080}`;

const writeTenant: Plugin = {
  name: "slotmesh-tenant",
  transformIndexHtml: {
    order: "pre",
    handler: (html) =>
      Object.entries(TENANT).reduce(
        (text, [name, value]) => text.replaceAll(`{{${name}}}`, escapeHtml(value)),
        html,
      ),
  },
};

export default defineConfig({
  root: APP,
  plugins: [react(), writeTenant],
  resolve: {
    alias: {
      "#protovalidate/buf/validate/validate_pb.js": join(APP, "api/validate-stub.ts"),
    },
  },
  build: {
    target: ["chrome116", "firefox124", "safari17.4"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: true,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "^/slotmesh\\.": GATEWAY },
  },
});

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", '"': "&quot;" };
  return text.replaceAll(/[&<"]/g, (character) => entities[character] ?? character);
}
