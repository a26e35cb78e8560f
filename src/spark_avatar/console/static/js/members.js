// Members of the workspace and invitations to it.

import { get, patch, post, remove } from "./api.js";
import { byId, icon, make, show } from "./dom.js";
import { busy, closable, confirm, copy, failure, toast } from "./feedback.js";
import { dateTime } from "./format.js";
import { table } from "./table.js";

const { role: ownRole, email: ownEmail } = byId("people").dataset;
const manages = ownRole !== "member";
const ROLES = ["owner", "admin", "member"];
const time = (seconds) => seconds * 1000;

function roleOf(member) {
  const mayChange = manages && (ownRole === "owner" || member.role !== "owner");
  if (!mayChange) return make("span", {}, member.role);
  const roles = ownRole === "owner" ? ROLES : ROLES.slice(1);
  const select = make("select", { class: "select compact", "aria-label": `Role of ${member.user.name}` }, roles.map((role) => make("option", { value: role, selected: role === member.role }, role)));
  select.addEventListener("change", async () => {
    try {
      await patch(`/api/v1/members/${member.user.id}`, { role: select.value });
      toast(`${member.user.name} is ${select.value} now`);
    } catch (fault) {
      toast(fault.message, "bad");
    }
    await loadMembers();
  });
  return select;
}

function memberRow(member) {
  const own = member.user.email === ownEmail;
  const may = manages && (ownRole === "owner" || member.role !== "owner");
  const leave = may && make("button", { class: "button quiet small", type: "button", onclick: (event) => dismiss(member, event.currentTarget) }, own ? "Leave" : "Remove");
  return make("tr", {},
    make("td", {}, make("b", { class: "anywhere" }, member.user.name), own && make("span", { class: "muted" }, " (you)"), make("div", { class: "small muted anywhere" }, member.user.email)),
    make("td", {}, roleOf(member)),
    make("td", {}, dateTime(time(member.since)), member.disabled && make("span", { class: "badge bad" }, "disabled")),
    make("td", { class: "right" }, leave));
}

async function dismiss(member, button) {
  const own = member.user.email === ownEmail;
  const title = own ? "Leave this workspace?" : `Remove ${member.user.name}?`;
  const text = `${own ? "You" : "They"} see nothing of it any more. Keys that ${own ? "you" : "they"} made go on working: revoke them under API keys.`;
  if (!(await confirm({ title, text, action: own ? "Leave" : "Remove" }))) return;
  await busy(button, async () => {
    await remove(`/api/v1/members/${member.user.id}`);
    await loadMembers();
  });
}

async function loadMembers() {
  try {
    const { members } = await get("/api/v1/members");
    byId("members").replaceChildren(table("Members", ["Who", "Role", "Since", ""], members.map(memberRow)));
  } catch (fault) {
    byId("members").replaceChildren(failure(fault, loadMembers));
  }
}

async function loadInvitations() {
  if (!manages) return;
  try {
    const { invitations } = await get("/api/v1/invitations");
    const rows = invitations.map((one) =>
      make("tr", {}, make("td", {}, make("span", { class: "anywhere" }, one.email ?? "anybody with the link")), make("td", {}, one.role), make("td", {}, dateTime(time(one.expires_at))),
        make("td", { class: "right" }, make("button", { class: "button quiet small", type: "button", onclick: (event) => busy(event.currentTarget, async () => { await remove(`/api/v1/invitations/${one.id}`); await loadInvitations(); }) }, "Withdraw"))));
    byId("invitations").replaceChildren(rows.length ? table("Invitations", ["For", "Role", "Until", ""], rows) : make("p", { class: "muted" }, "Nobody is invited at the moment."));
  } catch (fault) {
    byId("invitations").replaceChildren(failure(fault, loadInvitations));
  }
}

async function invite() {
  show(byId("invite-error"), false);
  try {
    const made = await post("/api/v1/invitations", { email: byId("email").value, role: byId("role").value });
    byId("link").value = made.url;
    show(byId("link-field"));
    show(byId("link-copy"));
    byId("link").select();
    await loadInvitations();
  } catch (fault) {
    byId("invite-error").textContent = fault.message;
    show(byId("invite-error"));
  }
}

if (manages) {
  closable(byId("invite"));
  byId("invite-open").addEventListener("click", () => {
    for (const id of ["link-field", "link-copy", "invite-error"]) show(byId(id), false);
    byId("email").value = "";
    byId("invite").showModal();
  });
  byId("invite-form").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(byId("invite-go"), invite);
  });
  byId("link-copy").addEventListener("click", () => copy(byId("link").value));
}

loadMembers();
loadInvitations();
