/**
 * The keyboard's ways through the page: F6 from region to region, arrows within the list of rooms,
 * Escape closes the panel. It knows the page by its elements, so that it can be loaded beside it.
 */

import { route } from '../state/route.svelte.ts';

/** What takes the focus in a region where nothing had it before: the first that is there. */
const FIRST = ['textarea', '[aria-current]', 'input', 'a[href], button'];

/** Where the focus was in each region when it left it. */
const places = new WeakMap<Element, HTMLElement>();

/** Starts listening; gives back how to stop. */
export function listenToKeys(): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  document.addEventListener('focusin', remember, { signal });
  document.addEventListener('keydown', pressed, { signal });
  return () => stop.abort();
}

function remember({ target }: FocusEvent): void {
  const region = (target as HTMLElement).closest('[data-region]');
  if (region) places.set(region, target as HTMLElement);
}

function pressed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return;
  if (event.key === 'F6') turn(event);
  else if (event.key === 'Escape' && route.panel) route.close('panel');
  else walk(event);
}

/** To the next region, or the one before. */
function turn(event: KeyboardEvent): void {
  event.preventDefault();
  const regions = [...document.querySelectorAll<HTMLElement>('[data-region]')].filter(shows);
  const at = regions.findIndex((region) => region.contains(document.activeElement));
  const step = event.shiftKey ? -1 : 1;
  const next = regions[at < 0 ? 0 : (at + step + regions.length) % regions.length];
  if (next) enter(next);
}

function enter(region: HTMLElement): void {
  const place = places.get(region);
  if (place && region.contains(place) && shows(place)) return place.focus();
  for (const kind of FIRST) {
    const first = [...region.querySelectorAll<HTMLElement>(kind)].find(shows);
    if (first) return first.focus();
  }
}

/** Along the list of rooms. */
function walk(event: KeyboardEvent): void {
  const list = (event.target as HTMLElement).closest('[data-walk]');
  if (!list || event.altKey || event.ctrlKey || event.metaKey) return;
  const stops = [...list.querySelectorAll<HTMLElement>('a')];
  const at = stops.indexOf(event.target as HTMLElement);
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: stops.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  stops[to]?.focus();
}

function shows(element: HTMLElement): boolean {
  return element.checkVisibility({ visibilityProperty: true });
}
