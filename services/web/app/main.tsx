// The start of the page: whose it is stands in index.html, where the build wrote it.

import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import "./styles.css";

const root = document.getElementById("root");
if (!root) {
  throw new Error("index.html has no #root");
}
createRoot(root).render(
  <App
    tenant={{
      tenantId: metaOf("slotmesh-tenant"),
      name: metaOf("slotmesh-tenant-name"),
    }}
  />,
);

function metaOf(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? "";
}
