// Signs in, and goes on to where the visitor wanted to go.

import { post } from "./api.js";
import { byId, show } from "./dom.js";
import { busy } from "./feedback.js";

/** A path of this console; anything else could lead elsewhere. */
function destination() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  const url = new URL(wanted, location.origin);
  return url.origin === location.origin && wanted.startsWith("/") ? url.pathname + url.search : "/";
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  show(byId("error"), false);
  busy(byId("submit"), async () => {
    try {
      await post("/api/v1/session", { email: byId("email").value, password: byId("password").value });
      location.assign(destination());
    } catch (fault) {
      byId("error").textContent = fault.message;
      show(byId("error"));
    }
  });
});
