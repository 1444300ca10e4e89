// Asking the server, and the pictures that it sends.

/** The server said no, and why. */
export class Refused extends Error {}

/** The server did not answer. */
export class Away extends Error {}

/** The answer to a request; with values it is a POST. */
export async function ask(path, values) {
  const response = await reach(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(values),
  });
  return whole(response.json());
}

async function reach(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Away();
  }
  if (response.ok) return response;
  throw new Refused(await reason(response));
}

async function reason(response) {
  if (response.status === 403) {
    return `${await whole(response.text())} Then close this page.`;
  }
  if (response.status === 400) return (await whole(response.json())).error;
  return `The server failed (${response.status}); its terminal says why. Nothing has changed.`;
}

/** What a server that dies in the middle of an answer has not sent is no answer. */
async function whole(body) {
  try {
    return await body;
  } catch {
    throw new Away();
  }
}

/** The address of a picture of a place. */
export function path(item, k, name) {
  return name === "strip" ? `/items/${item.id}/strip` : `/items/${item.id}/${k}/${name}`;
}

const AT_ONCE = 3; // of the six that a browser permits: decisions must not wait for pictures

/** Grey levels by address, asked for once, and forgotten when no longer wanted. */
export class Pictures {
  #entries = new Map();
  #waiting = []; // addresses still to be asked for
  #loading = 0;

  /** The levels (Uint16Array) or null; those that are waited for with `arrived` come first. */
  get(path, arrived) {
    let entry = this.#entries.get(path);
    if (!entry) {
      entry = { levels: null, arrived: [] };
      this.#entries.set(path, entry);
      this.#waiting.push(path);
    }
    if (!entry.levels && arrived) {
      entry.arrived.push(arrived);
      const place = this.#waiting.indexOf(path);
      if (place > 0) this.#waiting.unshift(...this.#waiting.splice(place, 1));
    }
    this.#loadNext();
    return entry.levels;
  }

  /** Keep only what `wanted` says true of. */
  keep(wanted) {
    for (const path of this.#entries.keys()) if (!wanted(path)) this.#entries.delete(path);
    this.#waiting = this.#waiting.filter((path) => this.#entries.has(path));
  }

  #loadNext() {
    while (this.#loading < AT_ONCE && this.#waiting.length) {
      const path = this.#waiting.shift();
      this.#loading += 1;
      this.#load(path, this.#entries.get(path)).finally(() => {
        this.#loading -= 1;
        this.#loadNext();
      });
    }
  }

  async #load(path, entry) {
    try {
      const response = await reach(path, {});
      entry.levels = new Uint16Array(await whole(response.arrayBuffer()));
    } catch (problem) {
      if (problem instanceof Away) this.#entries.delete(path); // it is asked for again
      else this.failed?.(problem);
      return;
    }
    for (const arrived of entry.arrived) arrived();
    entry.arrived = [];
  }
}
