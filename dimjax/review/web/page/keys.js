// Every key and what it does: one table for the keyboard, the buttons and the help.

/** Groups of [id, keys, short name, what it does]; an id is a name in the actions of review.js. */
export const GROUPS = [
  ["Decide", [
    ["accept", ["a"], "accept", "take what is suggested (the frames that are not taken out)"],
    ["keep", ["k"], "keep", "leave the labels as they are"],
    ["remove", ["d", "Delete"], "delete", "delete the label (of all frames that are not taken out)"],
    ["skip", ["s"], "skip", "leave it as it is; it may be decided until the run goes on"],
    ["decide", ["Enter"], "as edited", "decide as you have edited it"],
    ["undo", ["u"], "undo", "take back your newest decision; its item comes back"],
  ]],
  ["Edit, then Enter", [
    ["move", ["m"], "move", "a cursor for the arrow keys (or click); the same key ends it"],
    ["add", ["n"], "add", "a new label: click its place, or arrow keys"],
    ["category", ["c"], "category", "target or interference"],
    ["smaller", ["-"], "smaller", "box 0.5 px smaller"],
    ["larger", ["+", "="], "larger", "box 0.5 px larger"],
    ["takeOut", ["t"], "frame out", "take this frame out of the decision, or put it back"],
    ["discard", ["Escape"], "discard", "undo the edits of this item"],
  ]],
  ["Frames of a track", [
    ["previous", ["ArrowLeft", "PageUp"], "back", "the frame before (with a cursor: Page up)"],
    ["next", ["ArrowRight", "PageDown"], "on", "the next frame (with a cursor: Page down)"],
  ]],
  ["Cursor", [
    ["cursor", ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], "cursor", "half a pixel; with Shift 5 px"],
  ]],
  ["Pictures", [
    ["blink", [" "], "blink", "start or stop blinking"],
    ["group", ["g"], "frames/diff.", "what blinks: the frames, the differences, or all seven"],
    ["stepBack", [","], "step", "the picture before"],
    ["step", ["."], "step", "the next picture"],
    ["slower", ["<", "["], "slower", "blink more slowly"],
    ["faster", [">", "]"], "faster", "blink faster"],
    ["view", ["1", "2", "3", "4", "5", "6", "7"], "view", "F1 to F4 and the three differences"],
    ["less", ["z"], "contrast", "less contrast"],
    ["more", ["x"], "contrast", "more contrast"],
    ["darker", ["v"], "brightness", "darker"],
    ["brighter", ["b"], "brightness", "brighter"],
    ["reset", ["r"], "reset", "contrast and brightness as they were"],
    ["near", ["w"], "whole", "the whole frame, or what is round the track"],
    ["marks", ["h"], "marks", "hide or show all marks"],
    ["help", ["?"], "keys", "this list"],
  ]],
];

/** The buttons under the pictures, row by row. */
export const BUTTONS = [
  "accept", "keep", "remove", "skip", "undo",
  "move", "add", "category", "smaller", "larger",
  "takeOut", "discard", "decide",
];

const NAMES = {
  " ": "Space", ArrowLeft: "\u2190", ArrowRight: "\u2192", ArrowUp: "\u2191", ArrowDown: "\u2193",
  Escape: "Esc", PageUp: "Page up", PageDown: "Page down", Delete: "Del",
};
const LINE = [
  [[" "], "blink"], [["g"], "what blinks"], [[",", "."], "step"], [["<", ">"], "speed"],
  [["z", "x"], "contrast"], [["v", "b"], "brightness"], [["r"], "reset"], [["h"], "marks"],
  [["w"], "whole frame"], [["ArrowLeft", "ArrowRight"], "frames of the track"],
];

const ALL = GROUPS.flatMap(([, rows]) => rows);

/** What the cursor's arrow keys mean. */
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The name of the action of a key, or undefined. */
export function actionOf(key) {
  const name = key.length === 1 ? key.toLowerCase() : key;
  return ALL.find(([id, keys]) => id !== "cursor" && keys.includes(name))?.[0];
}

/** A button for each of BUTTONS, which calls run(id). */
export function buildButtons(parent, run) {
  for (const id of BUTTONS) {
    const [, keys, short, what] = ALL.find((row) => row[0] === id);
    const button = make("button", { type: "button", id: `do-${id}`, title: what });
    button.append(keycap(keys[0]), make("span", { textContent: short }));
    button.addEventListener("click", () => {
      run(id);
      button.blur(); // else the space bar would press it again
    });
    parent.append(button);
  }
}

export function buildHelp(parent) {
  for (const [title, rows] of GROUPS) {
    const list = make("dl", {});
    for (const [, keys, , what] of rows) {
      const term = make("dt", {});
      term.append(...(keys.length > 5 ? [keycap(keys[0]), " to ", keycap(keys.at(-1))] : keys.map(keycap)));
      list.append(term, make("dd", { textContent: what }));
    }
    const part = make("section", {});
    part.append(make("h3", { textContent: title }), list);
    parent.append(part);
  }
}

export function buildLine(parent) {
  for (const [keys, what] of LINE) {
    const part = make("span", {});
    part.append(...keys.map(keycap), what);
    parent.append(part);
  }
}

function keycap(key) {
  return make("kbd", { textContent: NAMES[key] ?? key });
}

function make(tag, values) {
  return Object.assign(document.createElement(tag), values);
}
