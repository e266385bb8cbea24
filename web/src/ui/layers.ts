/**
 * What lies over the page, as entries of the browser's history: back, a phone's gesture and Escape
 * close the last thing that opened, and nothing else. A dialog has such an entry without an address
 * of its own; what has an address is the business of `state/route`, which takes its steps here.
 *
 * Owns: the entries of what is covered, and the order of steps. Never: addresses.
 */

/** What an entry of ours remembers. */
export interface Entry {
  /** How many dialogs without an address lie over the page. */
  covers?: number;
  /** Made by opening a part of the page: closing it is going back. */
  opened?: boolean;
}

interface Cover {
  /** Closes what lies on top. Called when its entry is gone already. */
  close: () => void;
}

/** A browser takes a step within milliseconds. If it never does, nothing waits for it any longer. */
const STEP_MS_MAX = 1_000;

const covers: Cover[] = [];
/** Entries of dialogs that were just closed: the next one that opens takes one over. */
let spare = 0;
/** A step back was asked for and has not happened yet; what waits for it. */
let stepping = false;
let waiting: (() => void)[] = [];
let patience: ReturnType<typeof setTimeout> | undefined;

export function entry(): Entry {
  return (history.state as Entry | null) ?? {};
}

/** Calls when no step is under way: at once, or after the browser has taken it. */
export function settled(call: () => void): void {
  if (stepping) waiting.push(call);
  else call();
}

/** Goes back by so many entries. */
export function back(by = 1): void {
  settled(() => {
    stepping = true;
    patience = setTimeout(arrived, STEP_MS_MAX);
    history.go(-by);
  });
}

/** The step is taken: what waited for it goes on. */
function arrived(): void {
  clearTimeout(patience);
  stepping = false;
  const calls = waiting;
  waiting = [];
  for (const call of calls) settled(call);
}

/** Something opens over the page; `close` is called when one goes back. Gives what to call when it is gone. */
export function cover(close: () => void): () => void {
  const self: Cover = { close };
  covers.push(self);
  if (spare) spare -= 1;
  else settled(() => history.pushState({ ...entry(), covers: covers.length }, ''));
  return () => {
    const at = covers.indexOf(self);
    if (at < 0) return;
    covers.splice(at, 1);
    spare += 1;
    // What opens in its place, as the emoji after the actions of a message, does so in this turn.
    queueMicrotask(() => {
      if (!spare) return;
      const by = spare;
      spare = 0;
      back(by);
    });
  };
}

/** The page goes elsewhere: what lay over it goes with the entry that is replaced. */
export function uncovered(): boolean {
  const any = covers.length > 0 || spare > 0;
  covers.length = 0;
  spare = 0;
  return any;
}

window.addEventListener('popstate', () => {
  const asked = stepping;
  const depth = entry().covers ?? 0;
  while (covers.length > depth) covers.pop()?.close();
  // Forward, or a reload: what was open knew things that nobody knows any more.
  arrived();
  if (!asked && depth > covers.length) back(depth - covers.length);
});

// After a reload nothing lies over the page.
if (entry().covers) back(entry().covers);
