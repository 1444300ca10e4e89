// Texts about items, suggestions, edits and progress.

import { addedLabel, changesOf, suggestedBox } from "./edits.js";

const QUESTIONS = {
  unlabelled_target: "Is there a target without a label?",
  wrong_position: "Is the label in the wrong place?",
  wrong_category: "Does the label have the wrong category?",
  labelled_background: "Is the label on mere background?",
  miss: "Was a target missed here?",
  false_alarm: "Is this a false alarm?",
};

export function kindName(kind) {
  return kind.replaceAll("_", " ");
}

export function question(item) {
  return QUESTIONS[item.kind];
}

export function location(item, k) {
  const { frame, x, y } = item.frames[k];
  const count = item.frames.length;
  const position = count > 1 ? ` (${k + 1} of ${count})` : "";
  return `${item.sequence}, frame ${frame}${position}, x ${x.toFixed(1)} y ${y.toFixed(1)}`;
}

/** Describe the suggestion for frame k, and how many frames have one. */
export function suggestion(item, k) {
  const text = frameSuggestion(item.frames[k]);
  const count = item.frames.length;
  const fixes = item.frames.filter((frame) => frame.fix).length;
  return count > 1 ? `${text} (${fixes ? `${fixes} of ${count}` : `all ${count}`} frames)` : text;
}

function frameSuggestion(frame) {
  const { label, fix } = frame;
  if (!fix) return label ? "leave the label unchanged" : "leave it unlabelled: background";
  if (fix.removed) return `delete the label (${label?.category})`;
  const box = suggestedBox(frame);
  return label ? differences(label, box) : `new label: ${describeBox(box)}`;
}

function differences(from, to) {
  const parts = [];
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  if (distance) parts.push(`move the label by ${distance.toFixed(1)} px to ${position(to)}`);
  if (to.w !== from.w || to.h !== from.h) parts.push(`resize it from ${size(from)} to ${size(to)}`);
  if (to.category !== from.category) parts.push(`${from.category} becomes ${to.category}`);
  return parts.join(", ") || "no change";
}

/** Describe the changes that the edits amount to, for frame k with the edited box, and in total. */
export function describeEdits(item, edits, k, box) {
  const { verb, changes } = changesOf(item, edits);
  if (!changes.length) return "";
  const { label } = item.frames[k];
  const added = addedLabel(item, edits, k);
  const parts = [];
  if (box) parts.push(label ? differences(label, box) : describeBox(box));
  if (added) parts.push(`new label: ${describeBox(added)}`);
  const total = changes.length > 1 ? ` (${changes.length} labels in total)` : "";
  return `${verb}: ${parts.join("; ") || "nothing in this frame"}${total}`;
}

function describeBox(box) {
  return `${box.category}, ${size(box)}, at ${position(box)}`;
}

/** Explain why no item is shown, and how to continue. */
export function nothingLeft(progress, filtered, command) {
  const selection = filtered ? " of this kind and sequence" : "";
  const parts = [`${progress.decided} items${selection} are decided.`];
  if (progress.leased) {
    const free = `free in ${duration(progress.seconds_until_free)} at most, when their pages are closed`;
    parts.push(`${progress.leased} are leased to other reviewers: ${free}. They appear here by themselves.`);
  }
  else if (!filtered) {
    if (progress.skipped) parts.push(`${progress.skipped} skipped items keep their labels.`);
    parts.push("End the review with Ctrl-C in its terminal, then continue with:");
    parts.push(`\n${command}`);
  }
  return parts.join(" ");
}

/** Describe the progress of the review. */
export function progressText(progress) {
  const total = progress.decided + progress.open + progress.skipped;
  const parts = [`${progress.decided} of ${total} decided`];
  if (progress.skipped) parts.push(`${progress.skipped} skipped`);
  if (progress.per_minute !== null) parts.push(`${rate(progress.per_minute)} per minute`);
  if (progress.seconds_left) parts.push(`${duration(progress.seconds_left)} left`);
  return parts.join(" \u00b7 ");
}

function rate(value) {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function position({ x, y }) {
  return `x ${x.toFixed(1)} y ${y.toFixed(1)}`;
}

function size({ w, h }) {
  return `${w.toFixed(1)}\u00d7${h.toFixed(1)} px`;
}
