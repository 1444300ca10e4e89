// Items, suggestions and edits in words.

import { changes, extra, suggested } from "./edits.js";

const QUESTIONS = {
  unlabelled_target: "Is there a target without a label?",
  wrong_position: "Is the label in the wrong place?",
  wrong_category: "Has the label the wrong category?",
  labelled_background: "Is the label on mere background?",
  miss: "Was a target missed here?",
  false_alarm: "Is this a false alarm?",
};

export const KINDS = {
  unlabelled_target: "unlabelled target",
  wrong_position: "wrong position",
  wrong_category: "wrong category",
  labelled_background: "labelled background",
  miss: "miss",
  false_alarm: "false alarm",
};

export function question(item) {
  return QUESTIONS[item.kind];
}

export function where(item, k) {
  const place = item.places[k];
  const of = item.places.length > 1 ? ` (${k + 1} of ${item.places.length})` : "";
  return `${item.sequence}, frame ${place.frame}${of}, x ${place.x.toFixed(1)} y ${place.y.toFixed(1)}`;
}

/** What is suggested for place k, and for how many frames. */
export function suggestion(item, k) {
  const here = ofPlace(item, item.places[k]);
  const { length } = item.places;
  const with_fix = item.places.filter((place) => place.fix).length;
  const all = length > 1 ? ` (${with_fix ? `${with_fix} of ${length}` : `all ${length}`} frames)` : "";
  return here + all;
}

function ofPlace(item, place) {
  const { label, fix } = place;
  if (!fix) return label ? "leave the label as it is" : "leave it unlabelled: background";
  if (fix.removed) return `delete the label (${label?.category})`;
  const box = suggested(place);
  if (!label) return `new label: ${described(box)}`;
  return `${differences(label, box).join(", ")}`;
}

function differences(from, to) {
  const found = [];
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  if (distance) found.push(`move the label by ${distance.toFixed(1)} px to ${at(to)}`);
  if (to.w !== from.w || to.h !== from.h) found.push(`resize it from ${size(from)} to ${size(to)}`);
  if (to.category !== from.category) found.push(`${from.category} becomes ${to.category}`);
  return found.length ? found : ["no change"];
}

/** What the edits come to, for place k with the reviewer's box, and in all. */
export function edits(item, own, k, box) {
  const { verb, changes: made } = changes(item, own);
  if (!made.length) return "";
  const { label } = item.places[k];
  const another = extra(item, own, k);
  const here = [];
  if (box) here.push(label ? differences(label, box).join(", ") : described(box));
  if (another) here.push(`new label: ${described(another)}`);
  const all = made.length > 1 ? ` (${made.length} labels in all)` : "";
  return `${verb}: ${here.join("; ") || "nothing in this frame"}${all}`;
}

function described(box) {
  return `${box.category}, ${size(box)}, at ${at(box)}`;
}

/** Why there is no item, and what to do. */
export function nothingLeft(progress, filtered, workdir) {
  const which = filtered ? " of this kind and sequence" : "";
  const parts = [`${progress.decided} items${which} are decided.`];
  if (progress.leased) parts.push(`${progress.leased} are in the hands of other reviewers.`);
  else if (!filtered) {
    if (progress.skipped) parts.push(`${progress.skipped} skipped ones are left as they are.`);
    parts.push("End the review with Ctrl-C in its terminal, then go on with:");
    parts.push(`python main.py --workdir=${workdir}`);
  }
  return parts.join(" ");
}

/** How far the review is. */
export function pace(progress) {
  const all = progress.decided + progress.open + progress.skipped;
  const parts = [`${progress.decided} of ${all} decided`];
  if (progress.skipped) parts.push(`${progress.skipped} skipped`);
  if (progress.per_minute !== null) parts.push(`${amount(progress.per_minute)} a minute`);
  if (progress.seconds_left) parts.push(`${duration(progress.seconds_left)} left`);
  return parts.join(" \u00b7 ");
}

function amount(value) {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

function duration(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function at({ x, y }) {
  return `x ${x.toFixed(1)} y ${y.toFixed(1)}`;
}

function size({ w, h }) {
  return `${w.toFixed(1)}\u00d7${h.toFixed(1)} px`;
}
