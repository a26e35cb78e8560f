// Numbers, times and money as people read them.

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export const count = (value) => number.format(value);
export const percent = (share) => `${Math.round(share * 100)} %`;
export const dateTime = (value) => moment.format(new Date(value));

export function bytes(value) {
  if (value >= 1e6) return `${number.format(value / 1e6)} MB`;
  return value >= 1e3 ? `${Math.round(value / 1e3)} kB` : `${value} B`;
}

export function seconds(value) {
  if (value < 60) return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
  const whole = Math.round(value);
  return whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** As on a player: 0:07. */
export function playTime(value) {
  const whole = Math.floor(value);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Money comes as a plain decimal in text and stays exact: only needless zeros behind the cents go. */
export function money(amount, currency = "USD") {
  const text = String(amount);
  const short = text.includes(".") ? text.replace(/(\.\d\d\d*?)0+$/, "$1") : text;
  const sign = short.startsWith("-") ? "-" : "";
  return currency === "USD" ? `${sign}$${short.replace("-", "")}` : `${short} ${currency}`;
}

/** "2 minutes ago" for what is recent, the date for what is not. */
export function ago(value, now = Date.now()) {
  const passed = (now - new Date(value)) / 1000;
  if (passed < 45) return "just now";
  if (passed < 3600) return relative.format(-Math.round(passed / 60), "minute");
  if (new Date(value).toDateString() === new Date(now).toDateString()) return `today, ${clock.format(new Date(value))}`;
  return dateTime(value);
}

/** A parameter's name as a label. */
export const words = (name) => {
  if (name === "fps") return "Frames per second";
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};
