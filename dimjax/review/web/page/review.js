// The review page begins here: what each key does, who reviews, and that the page is still open.
//
// The way of an item: queue.js gets it, show.js draws it (view.js, film.js, surroundings.js, curve.js),
// editing.js and edits.js hold what the reviewer does to it, and queue.js posts the decision.
// session.js and server.js talk with the server.

import * as edit from "./edits.js";
import * as editing from "./editing.js";
import { placeOfClick } from "./film.js";
import { actionOf, ARROWS, buildButtons, buildHelp, buildLine } from "./keys.js";
import * as pictures from "./pictures.js";
import { refill, settle, undo } from "./queue.js";
import { Away } from "./server.js";
import { begin, formerReviewer, post, session, untilBack } from "./session.js";
import { draw, drawSoon } from "./show.js";
import { find, say, state } from "./state.js";
import { buildViews } from "./view.js";

const HERE_MS = 4000;
const RENEW_MS = 60_000; // leases last five minutes
const IDLE_MS = 600_000; // whoever is away for longer lets the items go

const ANY_TIME = {
  undo,
  help: () => find("help").showModal(),
  blink: () => pictures.blink(!state.blinking),
  slower: () => pictures.speed(-1),
  faster: () => pictures.speed(1),
};
const ON_ITEM = {
  accept,
  remove,
  keep: () => settle("keep", null),
  skip: () => settle("skip", null),
  decide: decideAsEdited,
  discard: editing.discard,
  move: () => editing.toggleCursor("move"),
  add: () => editing.toggleCursor("add"),
  category: editing.otherCategory,
  smaller: () => editing.grow(-1),
  larger: () => editing.grow(1),
  takeOut: editing.takeOut,
  previous: () => editing.goTo(state.place - 1),
  next: () => editing.goTo(state.place + 1),
  group: pictures.nextGroup,
  stepBack: () => pictures.step(-1),
  step: () => pictures.step(1),
  less: () => pictures.adjust(1 / 1.15, 0),
  more: () => pictures.adjust(1.15, 0),
  darker: () => pictures.adjust(1, -0.05),
  brighter: () => pictures.adjust(1, 0.05),
  reset: pictures.reset,
  marks: () => pictures.toggle("marks"),
  near: () => pictures.toggle("near"),
};
const DECIDING = ["accept", "remove", "keep", "skip", "decide", "undo"];
const REPEATING = [
  "previous", "next", "less", "more", "darker", "brighter", "smaller", "larger", "step", "stepBack",
];

let active = performance.now();

function accept() {
  const chosen = edit.accepted(state.item, state.edits);
  if (edit.edited(state.edits)) {
    say("You have edited it: Enter decides as edited, Esc goes back to the suggestion.");
  } else if (chosen?.length === 0) say("All frames are taken out. k keeps the labels as they are.");
  else settle("accept", chosen);
}

function decideAsEdited() {
  const { verb, changes } = edit.changes(state.item, state.edits);
  if (changes.length) settle(verb, changes);
  else say("Nothing is edited. a accepts what is suggested, k keeps the labels as they are.");
}

function remove() {
  const chosen = edit.removals(state.item, state.edits);
  if (chosen.length) settle("delete", chosen);
  else say("There is no label to delete. k leaves the place without one.");
}

function run(id) {
  if (DECIDING.includes(id) && state.busy) return;
  if (id in ANY_TIME) ANY_TIME[id]();
  else if (state.item) ON_ITEM[id]();
}

function pressed(event) {
  active = performance.now();
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]") || event.target.matches("select, input")) return;
  const { key } = event;
  // A button that was reached with Tab is pressed with Enter or the space bar.
  if (event.target.matches("button") && (key === "Enter" || key === " ")) return;
  const id = actionOf(key);
  if (state.cursor && key in ARROWS) editing.moveCursor(key, event.shiftKey);
  else if (/^[1-7]$/.test(key)) pictures.choose(Number(key) - 1);
  else if (!id) return;
  else if (!event.repeat || REPEATING.includes(id)) run(id);
  event.preventDefault();
}

function askName(problem) {
  const dialog = find("name");
  find("name-problem").textContent = problem;
  find("take-over").hidden = !problem;
  if (dialog.open) return;
  dialog.showModal();
  find("name-input").value = session.reviewer;
  find("name-input").select();
}

async function enter(reviewer, takeOver) {
  try {
    if (!(await begin(reviewer, takeOver))) {
      askName("");
      return;
    }
  } catch (problem) {
    askName(problem instanceof Away ? "The server does not answer: try again." : problem.message);
    return;
  }
  if (find("name").open) find("name").close();
  refill();
}

/** Say that the page is open, hold on to its items, and look for new ones where there are none. */
async function sayHere() {
  const now = performance.now();
  if (!session.reviewer || session.away || state.busy || find("name").open) return;
  try {
    await post("/here");
    const renew = now - session.renewed > RENEW_MS && now - active < IDLE_MS;
    if (!state.item || renew) refill();
  } catch (problem) {
    if (problem instanceof Away) untilBack().then(refill, () => {});
    else askName(problem.message);
  }
}

function buildName() {
  const value = () => find("name-input").value;
  find("name").addEventListener("cancel", (event) => event.preventDefault());
  find("name").querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    enter(value(), false);
  });
  find("take-over").addEventListener("click", () => enter(value(), true));
}

function build() {
  buildButtons(find("actions"), run);
  buildHelp(find("all-keys"));
  buildLine(find("keys"));
  buildViews(find("views"), pictures.choose);
  buildName();
  editing.followMouse(find("chip-canvas"));
  find("film").addEventListener("click", (event) => editing.goTo(placeOfClick(event)));
  for (const id of ["kind", "sequence", "skipped"]) {
    find(id).addEventListener("change", () => {
      find(id).blur();
      refill();
    });
  }
  find("help-button").addEventListener("click", () => run("help"));
  find("help").querySelector("button").addEventListener("click", () => find("help").close());
  document.addEventListener("keydown", pressed);
  document.addEventListener("pointerdown", () => {
    active = performance.now();
  });
  new ResizeObserver(drawSoon).observe(document.querySelector("main"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawSoon);
}

history.replaceState(null, "", "/"); // the token is in the cookie now
session.lost = askName;
session.back = draw;
state.pictures.failed = (problem) => say(problem.message, "problem");
build();
pictures.blink(state.blinking);
setInterval(sayHere, HERE_MS);
enter(formerReviewer(), false);
