// The queue of items in this reviewer's hands, and the decisions that take them out of it.
//
// The pictures of the next items are fetched while the reviewer looks at the current one. The next
// is shown when the server has answered that the decision is in the ledger.

import { path } from "./server.js";
import { begin, insist, post, session } from "./session.js";
import { show, showEmpty, showProgress } from "./show.js";
import { find, say, state } from "./state.js";
import { KINDS } from "./text.js";

const AHEAD = 4; // items held at once, the current one included
const NEAR = { chip: 12, surroundings: 3 }; // places of the current track that are fetched ahead

let version = 0; // of the queue: an answer to a question about an older one is of no use
let filling = null;

/** Have the server hand out the next items, and let go of what is no longer to be decided. */
export function refill() {
  version += 1;
  filling ??= fill()
    .catch((problem) => say(problem.message, "problem"))
    .finally(() => {
      filling = null;
    });
  return filling;
}

/** Post the one decision of the current item; show the next when it is in the ledger. */
export function settle(verb, changes) {
  const { item } = state;
  const pressed = performance.now();
  const newest = state.decisions.at(-1) ?? 0;
  return deciding(async () => {
    const request = () => post("/decide", { item: item.id, verb, changes });
    // After a break the server tells anew what this reviewer has decided.
    const done = await insist(request, () => (state.decisions.at(-1) ?? 0) > newest);
    if (done) state.decisions.push(done.decision);
    say(`${verb}: ${KINDS[item.kind]} in ${item.sequence}, frame ${item.places[0].frame}`);
    state.queue = state.queue.filter((other) => other !== item);
    state.pressed = pressed;
    if (state.queue.length) show();
    else state.item = null;
  });
}

/** Take back the newest decision; its item comes back. */
export function undo() {
  const decision = state.decisions.at(-1);
  if (decision === undefined) {
    say("You have decided nothing that could be undone.");
    return null;
  }
  return deciding(async () => {
    const request = () => post("/undo", { decision });
    const undone = await insist(request, () => !state.decisions.includes(decision));
    state.decisions = state.decisions.filter((other) => other !== decision);
    if (undone) putFirst(undone.item);
    say("Undone: decide it again.");
  });
}

/** Fetch the pictures that come next, and forget those that are done with. */
export function prefetch() {
  const { item, place, pictures, queue } = state;
  for (const next of queue.slice(1)) {
    for (const name of ["chip", "strip", "surroundings"]) pictures.get(path(next, 0, name));
  }
  const near = (k, name) => Math.abs(k - place) <= (NEAR[name] ?? Infinity);
  item?.places.forEach((_, k) => {
    for (const name of Object.keys(NEAR)) if (near(k, name)) pictures.get(path(item, k, name));
  });
  pictures.keep((address) => {
    const [, , id, k, name] = address.split("/");
    if (id === String(item?.id)) return name !== "surroundings" || near(k, name);
    return queue.some((other) => String(other.id) === id);
  });
}

async function deciding(work) {
  if (state.busy) return;
  state.busy = true;
  version += 1;
  try {
    await work();
  } catch (problem) {
    say(problem.message, "problem");
  } finally {
    state.busy = false;
    refill();
  }
}

async function fill() {
  const chosen = (id) => (find(id).value ? [find(id).value] : []);
  for (;;) {
    const asked = version;
    const answer = await insist(() => post("/draw", {
      kinds: chosen("kind"),
      sequences: chosen("sequence"),
      skipped: find("skipped").checked,
      count: Math.max(AHEAD, state.queue.length),
    }));
    if (state.busy) return; // who is busy refills
    if (asked !== version) continue;
    if (answer.round !== session.round) {
      await insist(() => begin(session.reviewer)); // it forgets the decisions of earlier rounds
      say(`Round ${session.round} has begun: what was decided before stays, and is not undone.`);
      continue;
    }
    session.renewed = performance.now();
    showProgress(answer.progress);
    reconcile(answer);
    return;
  }
}

function reconcile({ items, progress }) {
  const drawn = new Map(items.map((item) => [item.id, item]));
  const held = state.queue.filter((item) => drawn.has(item.id));
  const fresh = items.filter((item) => !state.queue.some((old) => old.id === item.id));
  // The item on the screen stays as the reviewer sees it; the ledger refuses it if it is stale.
  state.queue = [...held.map((item) => (item === state.item ? item : drawn.get(item.id))), ...fresh];
  if (state.queue[0] !== state.item || !state.item) show();
  if (!state.queue.length) showEmpty(progress, session.workdir, refill);
  prefetch();
}

function putFirst(item) {
  for (const [id, value] of [["kind", item.kind], ["sequence", item.sequence]]) {
    if (find(id).value !== value) find(id).value = ""; // else the filter would take it away again
  }
  state.queue = [item, ...state.queue.filter((other) => other.id !== item.id)];
  show();
}
