// The keys and their actions: one table for the keyboard, the buttons and the help.

/** Groups of [id, keys, short name, description]; the ids are names of actions in review.js. */
const GROUPS = [
  ["Decide", [
    ["accept", ["a"], "accept", "accept the suggestion (in the frames that are not excluded)"],
    ["keep", ["k"], "keep", "leave the labels unchanged"],
    ["delete", ["d", "Delete"], "delete", "delete the label (in all frames that are not excluded)"],
    ["skip", ["s"], "skip", "postpone; if it is never decided, the labels stay unchanged"],
    ["decide", ["Enter"], "as edited", "decide as edited"],
    ["undo", ["u"], "undo", "undo your newest decision and return to its item"],
  ]],
  ["Edit, then Enter", [
    ["move", ["m"], "move", "move the box with the arrow keys or a click; m again ends it"],
    ["add", ["n"], "add", "add a label with a click or the arrow keys"],
    ["category", ["c"], "category", "switch between target and interference"],
    ["smaller", ["-"], "smaller", "shrink the box by 0.5 px"],
    ["larger", ["+", "="], "larger", "enlarge the box by 0.5 px"],
    ["exclude", ["t"], "exclude", "exclude this frame from the decision, or include it again"],
    ["discard", ["Escape"], "discard", "discard the edits of this item"],
  ]],
  ["Frames of a track", [
    ["previous", ["ArrowLeft", "PageUp"], "back", "previous frame (with a cursor: Page up)"],
    ["next", ["ArrowRight", "PageDown"], "next", "next frame (with a cursor: Page down)"],
    ["first", ["Home"], "first", "first frame"],
    ["last", ["End"], "last", "last frame"],
    ["play", ["p"], "play", "play along the track, or stop"],
  ]],
  ["Cursor", [
    ["cursor", ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], "cursor", "move by 0.5 px, with Shift by 5 px"],
  ]],
  ["View", [
    ["blink", [" "], "blink", "start or stop blinking"],
    ["group", ["g"], "group", "blink the frames, the differences, or all seven views"],
    ["stepBack", [","], "step", "previous view"],
    ["step", ["."], "step", "next view"],
    ["slower", ["<", "["], "slower", "blink more slowly"],
    ["faster", [">", "]"], "faster", "blink faster"],
    ["view", ["1", "2", "3", "4", "5", "6", "7"], "view", "F1 to F4 and the three differences"],
    ["lessContrast", ["z"], "contrast", "less contrast"],
    ["moreContrast", ["x"], "contrast", "more contrast"],
    ["darker", ["v"], "brightness", "darker"],
    ["brighter", ["b"], "brightness", "brighter"],
    ["reset", ["r"], "reset", "reset contrast and brightness"],
    ["zoomIn", ["i"], "zoom in", "enlarge the chip round the box (also: mouse wheel)"],
    ["zoomOut", ["o"], "zoom out", "show more of the chip"],
    ["zoom", ["w"], "zoom", "show the whole frame, or the region around the track"],
    ["marks", ["h"], "marks", "hide or show all marks"],
    ["help", ["?"], "keys", "show this list"],
  ]],
];

/** The buttons under the images, row by row. */
const BUTTONS = [
  "accept", "keep", "delete", "skip", "undo",
  "move", "add", "category", "smaller", "larger",
  "exclude", "discard", "decide",
];

const KEY_NAMES = {
  " ": "Space", ArrowLeft: "\u2190", ArrowRight: "\u2192", ArrowUp: "\u2191", ArrowDown: "\u2193",
  Escape: "Esc", PageUp: "Page up", PageDown: "Page down", Delete: "Del", Home: "Home", End: "End",
};
const KEY_LINE = [
  [[" "], "blink"], [["g"], "group"], [[",", "."], "step"], [["<", ">"], "rate"],
  [["z", "x"], "contrast"], [["v", "b"], "brightness"], [["r"], "reset"], [["h"], "marks"],
  [["i", "o"], "zoom"], [["w"], "whole frame"], [["p"], "play"], [["ArrowLeft", "ArrowRight"], "frames of the track"],
];

const ACTIONS = GROUPS.flatMap(([, rows]) => rows);

/** The directions of the cursor's arrow keys. */
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Return the id of the action of a key, or undefined. */
export function actionOf(key) {
  const name = key.length === 1 ? key.toLowerCase() : key;
  return ACTIONS.find(([id, keys]) => id !== "cursor" && keys.includes(name))?.[0];
}

/** Create a button for each of BUTTONS, which calls run(id). */
export function buildButtons(parent, run) {
  for (const id of BUTTONS) {
    const [, keys, name, description] = ACTIONS.find((row) => row[0] === id);
    const button = element("button", { type: "button", id: `do-${id}`, title: description });
    button.append(keycap(keys[0]), element("span", { textContent: name }));
    button.addEventListener("click", () => {
      run(id);
      button.blur(); // else the space bar would press it again
    });
    parent.append(button);
  }
}

export function buildHelp(parent) {
  for (const [title, rows] of GROUPS) {
    const list = element("dl", {});
    for (const [, keys, , description] of rows) {
      const term = element("dt", {});
      const isRange = keys.length > 5;
      term.append(...(isRange ? [keycap(keys[0]), " to ", keycap(keys.at(-1))] : keys.map(keycap)));
      list.append(term, element("dd", { textContent: description }));
    }
    const section = element("section", {});
    section.append(element("h3", { textContent: title }), list);
    parent.append(section);
  }
}

export function buildKeyLine(parent) {
  for (const [keys, description] of KEY_LINE) {
    const part = element("span", {});
    part.append(...keys.map(keycap), description);
    parent.append(part);
  }
}

function keycap(key) {
  return element("kbd", { textContent: KEY_NAMES[key] ?? key });
}

function element(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
