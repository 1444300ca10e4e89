// Requests to the server, and the cache of the grey levels that it sends.

const PARALLEL_LOADS = 3; // of the six that browsers permit: decisions must not wait for levels

/** The server refused a request; the message says why. */
class Refused extends Error {}

/** The server did not respond. */
export class Unreachable extends Error {}

let newest = Promise.resolve(); // the newest request

/** Post values and return the response. Each request waits for the one before it, so that no late
 * response overwrites what a newer one has told. */
export function send(path, values) {
  const response = newest.then(() => sendNow(path, values));
  newest = response.catch(() => {});
  return response;
}

async function sendNow(path, values) {
  const response = await request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(values),
  });
  return complete(response.json());
}

/** The path of the grey levels of an item frame; the strip belongs to the whole item. */
export function levelsPath(item, frameIndex, name) {
  return name === "strip" ? `/items/${item.id}/strip` : `/items/${item.id}/${frameIndex}/${name}`;
}

/** Grey levels by path: each is requested once, and dropped when no longer needed. */
export class LevelCache {
  #entries = new Map();
  #pending = []; // paths not yet requested
  #loading = 0;

  /** Return the levels (Uint16Array) or null; `onLoad` is called later, and gives priority. */
  get(path, onLoad) {
    let entry = this.#entries.get(path);
    if (!entry) {
      entry = { levels: null, callbacks: [] };
      this.#entries.set(path, entry);
      this.#pending.push(path);
    }
    if (!entry.levels && onLoad) {
      entry.callbacks.push(onLoad);
      const position = this.#pending.indexOf(path);
      if (position > 0) this.#pending.unshift(...this.#pending.splice(position, 1));
    }
    this.#loadNext();
    return entry.levels;
  }

  /** Drop all entries except those whose path satisfies `isNeeded`. */
  keep(isNeeded) {
    for (const path of this.#entries.keys()) if (!isNeeded(path)) this.#entries.delete(path);
    this.#pending = this.#pending.filter((path) => this.#entries.has(path));
  }

  #loadNext() {
    while (this.#loading < PARALLEL_LOADS && this.#pending.length) {
      const path = this.#pending.shift();
      this.#loading += 1;
      this.#load(path, this.#entries.get(path)).finally(() => {
        this.#loading -= 1;
        this.#loadNext();
      });
    }
  }

  async #load(path, entry) {
    try {
      const response = await request(path, {});
      entry.levels = new Uint16Array(await complete(response.arrayBuffer()));
    } catch (error) {
      if (error instanceof Unreachable) this.#entries.delete(path); // so that it is requested again
      this.onError?.(error);
      return;
    }
    for (const onLoad of entry.callbacks) onLoad();
    entry.callbacks = [];
  }
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Unreachable();
  }
  if (response.ok) return response;
  throw new Refused(await reason(response));
}

async function reason(response) {
  if (response.status === 403) {
    return `${await complete(response.text())} Then close this page.`;
  }
  if (response.status === 400) return (await complete(response.json())).error;
  return `The server failed (${response.status}); see its terminal. Nothing has changed.`;
}

/** Return the body of a response; a body that a dying server cut off counts as no response. */
async function complete(body) {
  try {
    return await body;
  } catch {
    throw new Unreachable();
  }
}
