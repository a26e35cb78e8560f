// The frame around every page: colours, and buttons that copy.

import { remove } from "./api.js";
import { all, byId } from "./dom.js";
import { busy, copy } from "./feedback.js";

const YEAR = 365 * 24 * 3600;

byId("theme")?.addEventListener("change", (event) => {
  const { value } = event.target;
  if (value) document.documentElement.dataset.theme = value;
  else delete document.documentElement.dataset.theme;
  document.cookie = `spark_theme=${value}; path=/; max-age=${value ? YEAR : 0}; samesite=lax`;
});

for (const button of all("[data-copy]")) {
  button.addEventListener("click", () => copy(document.querySelector(button.dataset.copy).textContent));
}

// A page that comes back from the browser's memory may show what has changed since.
addEventListener("pageshow", (event) => event.persisted && location.reload());

byId("sign-out")?.addEventListener("click", (event) =>
  busy(event.currentTarget, async () => {
    await remove("/api/v1/session");
    location.assign("/sign-in");
  }),
);
