// Signs in, and goes on to where the visitor wanted to go.

import { get, post } from "./api.js";
import { byId, show } from "./dom.js";
import { busy } from "./feedback.js";

/** A path of this console; anything else could lead elsewhere. */
function destination() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  const url = new URL(wanted, location.origin);
  return url.origin === location.origin && wanted.startsWith("/") ? url.pathname + url.search : "/";
}

/** What went wrong at an identity provider, by the code that it was sent back with. */
const PROBLEMS = {
  unauthorized: "The sign-in was not completed: begin it again.",
  forbidden: "There is no user of your address here: ask for an invitation.",
  provider_failed: "The identity provider does not answer: try again later.",
};

function tell(message) {
  byId("error").textContent = message;
  show(byId("error"));
}

async function offerProvider() {
  const { provider } = await get("/api/v1/session/ways");
  if (!provider) return;
  byId("provider").textContent = `Sign in with ${provider.name}`;
  show(byId("other-way"));
}

const problem = new URLSearchParams(location.search).get("problem");
if (problem) tell(Object.hasOwn(PROBLEMS, problem) ? PROBLEMS[problem] : "The sign-in failed: begin it again.");
offerProvider().catch(() => {}); // the password works without it

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  show(byId("error"), false);
  busy(byId("submit"), async () => {
    try {
      await post("/api/v1/session", { email: byId("email").value, password: byId("password").value });
      location.assign(destination());
    } catch (fault) {
      tell(fault.message);
    }
  });
});
