// Makes somebody a member by the code in the address: the owner at the first start, or whoever was invited.

import { post } from "./api.js";
import { byId, show } from "./dom.js";
import { busy } from "./feedback.js";

const code = new URLSearchParams(location.search).get("code") ?? "";
const first = location.pathname === "/welcome";

function say(title, lead) {
  byId("title").textContent = title;
  byId("lead").textContent = lead;
}

async function open() {
  try {
    const seen = await post("/api/v1/invitations/look", { code });
    if (first) say("Create the owner's account", "You will manage keys, members and everything else on this server.");
    else if (seen.known_user) say(`Join ${seen.account}`, `You are invited as ${seen.role}. Accept with the password that you have.`);
    else say(`Join ${seen.account}`, `You are invited as ${seen.role}. Choose a password.`);
    byId("email").value = seen.email ?? "";
    byId("email").readOnly = Boolean(seen.email);
    show(byId("name-field"), !seen.known_user);
    byId("name").required = !seen.known_user;
    if (seen.known_user) {
      byId("password").autocomplete = "current-password";
      show(byId("password-hint"), false);
    } else byId("password").minLength = 10;
    byId("submit").textContent = first ? "Create the account" : "Join";
    show(byId("form"));
  } catch (fault) {
    say("This link does not work", fault.message);
    show(byId("elsewhere"));
  }
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  show(byId("error"), false);
  busy(byId("submit"), async () => {
    try {
      await post("/api/v1/invitations/accept", {
        code,
        name: byId("name").value,
        email: byId("email").value,
        password: byId("password").value,
      });
      location.assign("/");
    } catch (fault) {
      byId("error").textContent = fault.message;
      show(byId("error"));
    }
  });
});

open();
