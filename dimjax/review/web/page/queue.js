// The queue of items leased to this reviewer, and the decisions that remove items from it.
//
// The grey levels of the next items are fetched while the reviewer looks at the current one. The
// next item is shown once the server has confirmed that the decision is in the ledger.

import { showEmpty, showFirst, showProgress } from "./render.js";
import { levelsPath } from "./server.js";
import { openPage, persist, post, session } from "./session.js";
import { byId, showMessage, state } from "./state.js";
import { kindName } from "./text.js";

const LEASED_ITEMS = 4; // including the current one
const PREFETCH_FRAMES = { chip: 12, surroundings: 3 }; // of the current track, in each direction

let version = 0; // of the queue: responses to requests for an older version are ignored
let filling = null;

/** Lease the next items, and release those that need no decision any more. */
export function refill() {
  version += 1;
  filling ??= fill();
  return filling;
}

/** Post the decision on the current item, and show the next item once it is in the ledger. */
export function decide(verb, changes) {
  const { item } = state;
  const pressedAt = performance.now();
  const newest = state.decisions.at(-1) ?? 0;
  return whileBusy(async () => {
    const request = () => post("/decide", { item: item.id, verb, changes });
    // After an interruption the server lists this reviewer's decisions again.
    const response = await persist(request, () => (state.decisions.at(-1) ?? 0) > newest);
    if (response) state.decisions.push(response.decision);
    const { frame } = item.frames[0];
    const frames = item.frames.length > 1 ? `frames ${frame} to ${item.frames.at(-1).frame}` : `frame ${frame}`;
    showMessage(`${verb}: ${kindName(item.kind)} in ${item.sequence}, ${frames}`);
    state.queue = state.queue.filter((other) => other !== item);
    state.pressedAt = pressedAt;
    if (state.queue.length) showFirst();
    else state.item = null;
  });
}

/** Undo the newest decision and return to its item. */
export function undo() {
  const decision = state.decisions.at(-1);
  if (decision === undefined) {
    showMessage("You have no decision that can be undone.");
    return null;
  }
  const before = state.decisions;
  return whileBusy(async () => {
    const request = () => post("/undo", { decision });
    const response = await persist(request, () => !state.decisions.includes(decision));
    // After an interruption the server has listed those that still stand.
    const undone = before.filter((other) => response?.undone.includes(other) ?? !state.decisions.includes(other));
    state.decisions = state.decisions.filter((other) => !undone.includes(other));
    if (response) putFirst(response.item);
    showMessage(undone.length > 1 ? `Undone: ${undone.length} items are open again.` : "Undone: decide the item again.");
  });
}

/** Fetch the grey levels that are needed next, and drop those no longer needed. */
export function prefetch() {
  const { item, frameIndex, levels, queue } = state;
  for (const next of queue.slice(1)) {
    for (const name of ["chip", "strip", "surroundings"]) levels.get(levelsPath(next, 0, name));
  }
  const isNear = (k, name) => Math.abs(k - frameIndex) <= (PREFETCH_FRAMES[name] ?? Infinity);
  item?.frames.forEach((_, k) => {
    for (const name of Object.keys(PREFETCH_FRAMES)) {
      if (isNear(k, name)) levels.get(levelsPath(item, k, name));
    }
  });
  levels.keep((path) => {
    const [, , id, k, name] = path.split("/");
    if (id === String(item?.id)) return name !== "surroundings" || isNear(k, name);
    return queue.some((other) => String(other.id) === id);
  });
}

/** Do work that decides items; the queue is filled again after it. */
export async function whileBusy(work) {
  if (state.busy) return;
  state.busy = true;
  version += 1;
  try {
    await work();
  } catch (error) {
    showMessage(error.message, "problem");
  } finally {
    state.busy = false;
    refill();
  }
}

/** Return the selected kinds and sequences; an empty list selects all. */
export function selection() {
  const values = (id) => (byId(id).value ? [byId(id).value] : []);
  return { kinds: values("kind"), sequences: values("sequence") };
}

async function fill() {
  try {
    while (!(await fillOnce()));
  } catch (error) {
    showMessage(error.message, "problem");
  } finally {
    filling = null; // at once: a refill after this needs a new one
  }
}

/** Request the next items; return false if that must be repeated. */
async function fillOnce() {
  const requested = version;
  const response = await persist(() => post("/next_items", {
    ...selection(),
    skipped: byId("skipped").checked,
    count: Math.max(LEASED_ITEMS, state.queue.length),
  }));
  if (state.busy) return true; // the decision that is being sent refills the queue
  if (requested !== version) return false;
  if (response.round !== session.round) {
    await persist(() => openPage(session.reviewer)); // drops the decisions of earlier rounds
    showMessage(`Round ${session.round} has begun: earlier decisions can no longer be undone.`);
    return false;
  }
  session.leasedAt = performance.now();
  showProgress(response.progress);
  updateQueue(response);
  return true;
}

function updateQueue({ items, progress }) {
  const leased = new Map(items.map((item) => [item.id, item]));
  const held = state.queue.filter((item) => leased.has(item.id));
  const added = items.filter((item) => !state.queue.some((old) => old.id === item.id));
  // The current item stays as the reviewer sees it; the ledger refuses it if it is stale.
  const updated = held.map((item) => (item === state.item ? item : leased.get(item.id)));
  state.queue = [...updated, ...added];
  if (state.queue[0] !== state.item || !state.item) showFirst();
  if (!state.queue.length) showEmpty(progress, session.command, refill);
  prefetch();
}

/** Show an item of which the server says that it is leased to this reviewer. */
export function putFirst(item) {
  for (const [id, value] of [["kind", item.kind], ["sequence", item.sequence]]) {
    if (byId(id).value !== value) byId(id).value = ""; // the filter would remove the item again
  }
  state.queue = [item, ...state.queue.filter((other) => other.id !== item.id)];
  showFirst();
}
