// A link to a video that works for a while, for people without an account.

import { post } from "./api.js";
import { byId, show } from "./dom.js";
import { busy, closable, copy } from "./feedback.js";

/** `taskId()` answers the task whose video is shared. */
export function shareDialog(opener, taskId) {
  const dialog = byId("share-dialog");
  const made = (visible) => [byId("share-made"), byId("share-copy")].forEach((element) => show(element, visible));
  closable(dialog);
  opener.addEventListener("click", () => {
    made(false);
    dialog.showModal();
  });
  byId("share-hours").addEventListener("change", () => made(false));
  byId("share-make").addEventListener("click", (event) =>
    busy(event.currentTarget, async () => {
      const link = await post(`/api/v1/tasks/${encodeURIComponent(taskId())}/share`, { hours: Number(byId("share-hours").value) });
      byId("share-url").value = link.url;
      made(true);
      byId("share-url").select();
    }),
  );
  byId("share-copy").addEventListener("click", () => copy(byId("share-url").value, "Link copied"));
}
