// Entry point of the review page: the actions of the keys, the reviewer's name, the keep-alive.
//
// queue.js gets an item and render.js draws it (view.js, filmstrip.js, surroundings.js, curve.js).
// editing.js, pointer.js and edits.js hold the reviewer's edits, and timeline.js plays a track.
// queue.js and bulk.js post decisions, newtrack.js new tracks. session.js and server.js communicate
// with the server.

import * as animation from "./animation.js";
import * as display from "./display.js";
import { buildBulk } from "./bulk.js";
import { acceptedFixes, changesOf, isEdited, removals } from "./edits.js";
import * as editing from "./editing.js";
import { indexOfClick } from "./filmstrip.js";
import { actionOf, ARROWS, buildButtons, buildHelp, buildKeyLine } from "./keys.js";
import { buildNewTrack } from "./newtrack.js";
import { handlePointer, zoomBy } from "./pointer.js";
import { decide, refill, undo } from "./queue.js";
import { draw, drawSoon } from "./render.js";
import { Unreachable } from "./server.js";
import { openPage, post, previousReviewer, release, session, untilReconnected } from "./session.js";
import { byId, showMessage, state } from "./state.js";
import { buildTimeline, isPlaying, lastIndex, play } from "./timeline.js";
import { buildViews } from "./view.js";

const KEEP_ALIVE_MS = 4000;
const RENEW_MS = 60_000; // leases last five minutes
const IDLE_MS = 600_000; // the leases of a reviewer who is away for longer expire

const GLOBAL_ACTIONS = {
  undo,
  help: () => byId("help").showModal(),
  blink: () => animation.blink(!state.blinking),
  slower: () => animation.changeRate(-1),
  faster: () => animation.changeRate(1),
  view: (key) => animation.showView(Number(key) - 1),
};
const ITEM_ACTIONS = {
  accept,
  delete: deleteLabels,
  keep: () => decide("keep", null),
  skip: () => decide("skip", null),
  decide: decideAsEdited,
  discard: editing.discard,
  move: () => editing.toggleCursor("move"),
  add: () => editing.toggleCursor("add"),
  category: editing.toggleCategory,
  smaller: () => editing.grow(-1),
  larger: () => editing.grow(1),
  exclude: editing.toggleExcluded,
  previous: () => editing.goToFrame(state.frameIndex - 1),
  next: () => editing.goToFrame(state.frameIndex + 1),
  first: () => editing.goToFrame(0),
  last: () => editing.goToFrame(lastIndex()),
  play: () => play(!isPlaying()),
  zoomIn: () => zoomBy(2),
  zoomOut: () => zoomBy(0.5),
  group: animation.nextGroup,
  stepBack: () => animation.step(-1),
  step: () => animation.step(1),
  lessContrast: () => display.adjust(1 / 1.15, 0),
  moreContrast: () => display.adjust(1.15, 0),
  darker: () => display.adjust(1, -0.05),
  brighter: () => display.adjust(1, 0.05),
  reset: display.reset,
  marks: () => display.toggle("marks"),
  zoom: () => display.toggle("zoomed"),
};
const DECIDING = ["accept", "delete", "keep", "skip", "decide", "undo"];
const REPEATABLE = [
  "previous", "next", "lessContrast", "moreContrast", "darker", "brighter", "smaller", "larger",
  "step", "stepBack",
];

let lastActivity = performance.now();

function accept() {
  const fixes = acceptedFixes(state.item, state.edits);
  if (isEdited(state.edits)) {
    showMessage("The item is edited: Enter decides as edited, Esc discards the edits.");
  } else if (fixes?.length === 0) {
    showMessage("All frames are excluded. k keeps the labels unchanged.");
  } else decide("accept", fixes);
}

function decideAsEdited() {
  const { verb, changes } = changesOf(state.item, state.edits);
  if (changes.length) decide(verb, changes);
  else showMessage("There are no edits. a accepts the suggestion, k keeps the labels unchanged.");
}

function deleteLabels() {
  const changes = removals(state.item, state.edits);
  if (changes.length) decide("delete", changes);
  else showMessage("There is no label to delete. k leaves the location unlabelled.");
}

function run(id, key) {
  if (DECIDING.includes(id) && state.busy) return;
  if (id in GLOBAL_ACTIONS) GLOBAL_ACTIONS[id](key);
  else if (state.item) ITEM_ACTIONS[id]();
}

function onKeyDown(event) {
  lastActivity = performance.now();
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]") || event.target.matches("select, input")) return;
  const { key } = event;
  // Enter and the space bar press a button that was reached with Tab.
  if (event.target.matches("button") && (key === "Enter" || key === " ")) return;
  const id = actionOf(key);
  if (state.cursor && key in ARROWS) editing.moveCursor(key, event.shiftKey);
  else if (!id) return;
  else if (!event.repeat || REPEATABLE.includes(id)) run(id, key);
  event.preventDefault();
}

function askName(problem) {
  const dialog = byId("name-dialog");
  byId("name-problem").textContent = problem;
  byId("take-over").hidden = !problem;
  if (dialog.open) return;
  dialog.showModal();
  byId("name-input").value = session.reviewer;
  byId("name-input").select();
}

async function enter(reviewer, takeOver) {
  try {
    if (!(await openPage(reviewer, takeOver))) {
      askName("");
      return;
    }
  } catch (error) {
    const isUnreachable = error instanceof Unreachable;
    askName(isUnreachable ? "The server does not respond: try again." : error.message);
    return;
  }
  if (byId("name-dialog").open) byId("name-dialog").close();
  refill();
}

/** Tell the server that the page is open, renew its leases, and fetch items if none is left. */
async function keepAlive() {
  const now = performance.now();
  if (!session.reviewer || session.reconnecting || state.busy || byId("name-dialog").open) return;
  try {
    await post("/keep_alive");
    const renew = now - session.leasedAt > RENEW_MS && now - lastActivity < IDLE_MS;
    if (!state.item || renew) refill();
  } catch (error) {
    if (error instanceof Unreachable) untilReconnected().then(refill, () => {});
    else askName(error.message);
  }
}

function buildNameDialog() {
  const dialog = byId("name-dialog");
  const value = () => byId("name-input").value;
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    enter(value(), false);
  });
  byId("take-over").addEventListener("click", () => enter(value(), true));
}

function build() {
  buildButtons(byId("actions"), run);
  buildHelp(byId("all-keys"));
  buildKeyLine(byId("keys"));
  buildViews(byId("views"), animation.showView);
  buildNameDialog();
  buildTimeline();
  buildBulk();
  buildNewTrack();
  handlePointer(byId("chip-canvas"));
  byId("filmstrip").addEventListener("click", (event) => editing.goToFrame(indexOfClick(event)));
  for (const id of ["kind", "sequence", "skipped"]) {
    byId(id).addEventListener("change", () => {
      byId(id).blur();
      refill();
    });
  }
  byId("help-button").addEventListener("click", () => run("help"));
  byId("help").querySelector("button").addEventListener("click", () => byId("help").close());
  document.addEventListener("keydown", onKeyDown);
  document.addEventListener("pointerdown", (event) => {
    lastActivity = performance.now();
    if (!event.target.closest("#more")) byId("more").open = false;
  });
  byId("more").addEventListener("click", (event) => {
    if (event.target.matches("button")) byId("more").open = false;
    event.target.blur(); // else the space bar would open it again
  });
  new ResizeObserver(drawSoon).observe(document.querySelector("main"));
  addEventListener("pagehide", release);
  addEventListener("beforeunload", (event) => {
    if (state.item && isEdited(state.edits)) event.preventDefault(); // the browser asks
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawSoon);
}

history.replaceState(null, "", "/"); // the token is in the cookie now
session.onNameLost = askName;
session.onReconnect = draw;
state.levels.onError = (error) => {
  if (error instanceof Unreachable) untilReconnected().catch(() => {}); // and then all is drawn anew
  else showMessage(error.message, "problem");
};
build();
animation.blink(state.blinking);
setInterval(keepAlive, KEEP_ALIVE_MS);
enter(previousReviewer(), false);
