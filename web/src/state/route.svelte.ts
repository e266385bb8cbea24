/** The address bar as state: `/`, `/r/{room}`, `/sign-up`. */

import type { RoomId } from '@tidings/protocol';

class Route {
  path = $state(location.pathname);

  constructor() {
    window.addEventListener('popstate', () => (this.path = location.pathname));
  }

  /** The room that is shown. */
  get room(): RoomId | null {
    const id = /^\/r\/(room_[0-9a-z]+)$/.exec(this.path)?.[1];
    return id ? (id as RoomId) : null;
  }

  go(path: string, replace = false): void {
    if (path === this.path) return;
    // `?transport=` stays, so that a reload keeps it.
    const url = path + location.search;
    if (replace) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    this.path = path;
  }
}

export const route = new Route();

/** The address of a room. */
export function roomPath(room: RoomId): string {
  return `/r/${room}`;
}
