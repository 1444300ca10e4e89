// The page's session with the server: the reviewer's name, and reconnection after an interruption.

import { send, Unreachable } from "./server.js";
import { byId, showMessage, state } from "./state.js";
import { kindName } from "./text.js";

const RETRY_MS = 500;
const RELEASE_MS = 500; // a reloaded page may hold its id for a moment longer

export const session = {
  page: await pageId(), reviewer: "", command: "",
  opening: 0, // how often the server has opened this page
  round: 0, // the round whose items and decisions the page shows
  leasedAt: 0, // time of the last lease
  reconnecting: null, // a promise while the server does not respond
  onNameLost: () => {}, // called with the reason when the name no longer belongs to this page
  onReconnect: () => {}, // called when the server responds again
};

/** Return the id that this tab had before a reload, but never the id of the tab it was copied from. */
async function pageId() {
  const acquire = (id) => new Promise((resolve) => {
    const hold = () => {
      resolve(true);
      return new Promise(() => {}); // held until the tab is closed or reloaded
    };
    const options = { signal: AbortSignal.timeout(RELEASE_MS) };
    navigator.locks.request(`page ${id}`, options, hold).catch(() => resolve(false));
  });
  const previous = sessionStorage.getItem("page");
  if (previous && (await acquire(previous))) return previous;
  const id = crypto.randomUUID();
  await acquire(id);
  sessionStorage.setItem("page", id);
  return id;
}

/** Open the page under a name ("": the server's default); return false if a name is needed. */
export async function openPage(reviewer, takeOver = false) {
  const values = { reviewer, page: session.page, take_over: takeOver };
  const response = await send("/open_page", values);
  session.command = response.command;
  byId("run").textContent = response.run;
  document.title = `${response.run}: review`;
  if (response.reviewer === null) return false;
  session.reviewer = response.reviewer;
  session.round = response.round;
  session.opening = response.opening;
  sessionStorage.setItem("reviewer", response.reviewer);
  state.decisions = response.decisions;
  byId("reviewer").textContent = response.reviewer;
  fillSelect(byId("kind"), "all kinds", response.kinds, kindName);
  fillSelect(byId("sequence"), "all sequences", response.sequences, (name) => name);
  return true;
}

/** Free the name and the leases of a page that is closed or reloaded. */
export function release() {
  if (!session.reviewer) return;
  const { reviewer, page, opening } = session;
  fetch("/release", {
    method: "POST", keepalive: true, headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ reviewer, page, opening }),
  }).catch(() => {});
}

/** Return the name before a reload, or "". */
export function previousReviewer() {
  return sessionStorage.getItem("reviewer") ?? "";
}

/** Post values in the name of this reviewer and return the response. */
export function post(path, values = {}) {
  return send(path, { reviewer: session.reviewer, page: session.page, ...values });
}

/**
 * Repeat `work` until the server responds, and return the response; null if `isDone()` finds after
 * a reconnection that a request without response took effect.
 */
export async function persist(work, isDone = () => false) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      await untilReconnected();
      if (isDone()) return null;
    }
  }
}

export function untilReconnected() {
  session.reconnecting ??= reconnect().finally(() => {
    session.reconnecting = null;
  });
  return session.reconnecting;
}

async function reconnect() {
  document.body.dataset.server = "unreachable";
  showMessage(
    "The server does not respond. Nothing is lost: this page reconnects by itself and then " +
    "completes a pending decision.", "problem",
  );
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    try {
      await openPage(session.reviewer);
      break;
    } catch (error) {
      if (error instanceof Unreachable) continue;
      session.onNameLost(error.message);
      throw error;
    }
  }
  document.body.dataset.server = "connected";
  showMessage("The server responds again.");
  session.onReconnect();
}

function fillSelect(select, all, values, nameOf) {
  const selected = select.value;
  const options = values.map((value) => new Option(nameOf(value), value));
  select.replaceChildren(new Option(all, ""), ...options);
  select.value = values.includes(selected) ? selected : "";
}
