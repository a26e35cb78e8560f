// Lets a program in that was started in a terminal: shows what asks, and answers it.

import { get, post, query } from "./api.js";
import { byId, icon, make, show } from "./dom.js";
import { busy } from "./feedback.js";

const asked = new URLSearchParams(location.search).get("code") ?? "";

function fail(fault) {
  byId("error").textContent = fault.message;
  show(byId("error"));
}

async function look() {
  show(byId("error"), false);
  try {
    const { data } = await get(`/api/v1/device/approval${query({ code: byId("code").value.trim() })}`);
    byId("client").textContent = data.client_id;
    byId("address").textContent = data.address;
    byId("shown-code").textContent = data.code;
    byId("account").textContent = data.account;
    show(byId("form"), false);
    show(byId("ask"));
    byId("question").focus(); // not a button: the next Enter must not let anybody in
  } catch (fault) {
    fail(fault);
  }
}

async function decide(approve) {
  await post("/api/v1/device/approval", { code: byId("shown-code").textContent, approve });
  show(byId("ask"), false);
  byId("done").replaceChildren(
    icon(approve ? "check" : "bad"),
    make("h2", {}, approve ? "Approved" : "Denied"),
    make("p", {}, approve ? "The program goes on by itself. You can close this page." : "The program was not let in."),
  );
  show(byId("done"));
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  busy(byId("look"), look);
});
byId("approve").addEventListener("click", (event) => busy(event.currentTarget, () => decide(true)));
byId("deny").addEventListener("click", (event) => busy(event.currentTarget, () => decide(false)));

if (asked) {
  byId("code").value = asked;
  busy(byId("look"), look);
}
