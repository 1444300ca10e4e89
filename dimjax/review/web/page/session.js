// The page's session with the server: who reviews, and what to do while the server is away.

import { ask, Away } from "./server.js";
import { find, say, state } from "./state.js";
import { KINDS } from "./text.js";

const RETRY_MS = 500;
const LETTING_GO_MS = 500; // a page that is loaded again may still hold its id for a moment

export const session = {
  page: await pageId(), reviewer: "", workdir: "",
  round: 0, // whose items and decisions the page knows
  renewed: 0, // when the leases were renewed
  away: null, // a promise while the server does not answer
  lost: () => {}, // is told why the name is no longer this page's
  back: () => {}, // is called when the server is back
};

/** The id that this tab had before it was loaded again; not that of a tab it is a copy of. */
async function pageId() {
  const own = (id) => new Promise((resolve) => {
    const hold = () => {
      resolve(true);
      return new Promise(() => {}); // held until the tab is closed or loads again
    };
    const options = { signal: AbortSignal.timeout(LETTING_GO_MS) };
    navigator.locks.request(`page ${id}`, options, hold).catch(() => resolve(false));
  });
  const before = sessionStorage.getItem("page");
  if (before && (await own(before))) return before;
  const id = crypto.randomUUID();
  await own(id);
  sessionStorage.setItem("page", id);
  return id;
}

/** Begin or go on under a name, "" for the one that the server was started with; false: none. */
export async function begin(reviewer, takeOver = false) {
  const answer = await ask("/begin", { reviewer, page: session.page, take_over: takeOver });
  session.workdir = answer.workdir;
  find("run").textContent = answer.run;
  document.title = `${answer.run}: review`;
  if (answer.reviewer === null) return false;
  session.reviewer = answer.reviewer;
  session.round = answer.round;
  sessionStorage.setItem("reviewer", answer.reviewer);
  state.decisions = answer.decisions;
  find("who").textContent = answer.reviewer;
  fillSelect(find("kind"), "all kinds", answer.kinds, (kind) => KINDS[kind]);
  fillSelect(find("sequence"), "all sequences", answer.sequences, (name) => name);
  return true;
}

/** The name of last time, where the page is loaded again. */
export function formerReviewer() {
  return sessionStorage.getItem("reviewer") ?? "";
}

/** The answer to a request of this reviewer. */
export function post(path, values = {}) {
  return ask(path, { reviewer: session.reviewer, page: session.page, ...values });
}

/** Do it until the server has answered; settled() says if a request without answer was done. */
export async function insist(work, settled = () => false) {
  for (;;) {
    try {
      return await work();
    } catch (problem) {
      if (!(problem instanceof Away)) throw problem;
      await untilBack();
      if (settled()) return null;
    }
  }
}

export function untilBack() {
  session.away ??= reconnect().finally(() => {
    session.away = null;
  });
  return session.away;
}

async function reconnect() {
  document.body.dataset.server = "away";
  say(
    "The server does not answer. Nothing is lost: this page goes on by itself when it is back, " +
    "with a decision that is on its way.", "problem",
  );
  for (;;) {
    await new Promise((done) => setTimeout(done, RETRY_MS));
    try {
      await begin(session.reviewer);
      break;
    } catch (problem) {
      if (problem instanceof Away) continue;
      session.lost(problem.message);
      throw problem;
    }
  }
  document.body.dataset.server = "there";
  say("The server is back.");
  session.back();
}

function fillSelect(select, all, values, name) {
  const chosen = select.value;
  select.replaceChildren(new Option(all, ""), ...values.map((value) => new Option(name(value), value)));
  select.value = values.includes(chosen) ? chosen : "";
}
