// The user's own password, sessions and choice of workspace.

import { get, patch, put, remove } from "./api.js";
import { byId, make, show } from "./dom.js";
import { busy, confirm, failure, toast } from "./feedback.js";
import { ago } from "./format.js";
import { table } from "./table.js";

const time = (seconds) => seconds * 1000;

/** What people call their browser, out of what it calls itself. */
function browserOf(agent) {
  const name = ["Edg", "OPR", "Firefox", "Chrome", "Safari"].find((word) => agent.includes(word));
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"].find((word) => agent.includes(word));
  const called = { Edg: "Edge", OPR: "Opera" }[name] ?? name ?? "A program";
  return system ? `${called} on ${system}` : called;
}

async function loadSessions() {
  try {
    const { sessions } = await get("/api/v1/sessions");
    const rows = sessions.map((session) =>
      make("tr", {},
        make("td", {}, browserOf(session.user_agent), session.current && make("span", { class: "muted" }, " (this one)"), make("div", { class: "small muted mono" }, session.address)),
        make("td", {}, ago(time(session.seen_at))),
        make("td", { class: "right" }, !session.current && make("button", { class: "button quiet small", type: "button", onclick: (event) => busy(event.currentTarget, async () => { await remove(`/api/v1/sessions/${session.id}`); await loadSessions(); }) }, "Sign out"))));
    byId("sessions").replaceChildren(table("Sessions", ["Browser", "Last seen", ""], rows));
  } catch (fault) {
    byId("sessions").replaceChildren(failure(fault, loadSessions));
  }
}

async function loadWorkspaces() {
  const session = await get("/api/v1/session");
  if (session.workspaces.length < 2) return;
  byId("workspace").replaceChildren(...session.workspaces.map((one) => make("option", { value: one.id, selected: one.id === session.account.id }, one.name ?? one.id)));
  show(byId("workspaces-card"));
}

byId("workspace").addEventListener("change", async (event) => {
  try {
    await patch("/api/v1/session", { account: event.target.value });
    location.reload();
  } catch (fault) {
    toast(fault.message, "bad");
  }
});

byId("password-form").addEventListener("submit", (event) => {
  event.preventDefault();
  show(byId("password-error"), false);
  busy(byId("password-save"), async () => {
    try {
      const change = { current_password: byId("current").value, new_password: byId("new").value };
      await put("/api/v1/user/password", change, { stay: true });
      byId("password-form").reset();
      toast("The password was changed");
      await loadSessions();
    } catch (fault) {
      byId("password-error").textContent = fault.message;
      show(byId("password-error"));
    }
  });
});

byId("everywhere").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  if (!(await confirm({ title: "Sign out everywhere?", text: "All your browsers have to sign in again, this one too. API keys go on working.", action: "Sign out" }))) return;
  await busy(button, async () => {
    await remove("/api/v1/sessions");
    location.assign("/sign-in");
  });
});

loadSessions();
loadWorkspaces().catch((fault) => toast(fault.message, "bad"));
