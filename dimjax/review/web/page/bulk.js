// Decisions on all open items of the selected kind and sequence, after a question; undone as one.

import { selection, whileBusy } from "./queue.js";
import { persist, post } from "./session.js";
import { byId, showMessage, state } from "./state.js";

const ACTIONS = {
  "accept-all": {
    verb: "accept", yes: "accept all",
    question: (count) => `Accept the suggestions of ${count} items?`,
    text: "They are accepted as they are, also those that you have not seen. u undoes it as one.",
  },
  "leave-rest": {
    verb: "skip", yes: "leave the rest",
    question: (count) => `Leave ${count} items?`,
    text: "They are skipped: their labels stay unchanged. u undoes it as one.",
  },
};

/** Connect the buttons and the question that they ask. */
export function buildBulk() {
  for (const [id, action] of Object.entries(ACTIONS)) {
    byId(id).addEventListener("click", () => ask(action));
  }
  byId("confirm-no").addEventListener("click", () => byId("confirm").close());
}

function ask({ verb, question, text, yes }) {
  byId("confirm-title").textContent = question(state.open);
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  byId("confirm-yes").onclick = () => {
    byId("confirm").close();
    decideAll(verb);
  };
  byId("confirm").showModal();
}

function decideAll(verb) {
  const newest = state.decisions.at(-1) ?? 0;
  const isNew = (decision) => decision > newest;
  return whileBusy(async () => {
    const request = () => post("/decide_all", { verb, ...selection() });
    // After an interruption the server lists this reviewer's decisions again.
    const response = await persist(request, () => state.decisions.some(isNew));
    if (response) state.decisions.push(...response.decisions);
    const refused = response?.refused ? `; ${response.refused} stay open: leased to other reviewers, or in conflict` : "";
    showMessage(`${verb}: ${state.decisions.filter(isNew).length} items${refused}`);
    Object.assign(state, { queue: [], item: null });
  });
}
