/**
 * The address bar as state: `/`, `/r/{room}`, `/sign-in`, `/sign-up`, and what is open beside or
 * over them: `?panel=members`, `?dialog=new`. Opening makes an entry of the history, closing goes
 * back to the one before.
 */

import type { RoomId } from '@tidings/protocol';
import { base, href } from './base.ts';
import { back, entry, settled, uncovered } from '../ui/layers.ts';

export type Panel = 'members';
export type DialogName = 'new' | 'devices';

const ROOM = /^\/r\/(room_[0-9a-z]+)$/;
/** From this width on the panel stands beside the room, and stays when one goes to another. */
const BESIDE = '(min-width: 1001px)';

function shown(): string {
  const path = location.pathname;
  if (base === '') return path;
  return path.startsWith(`${base}/`) ? path.slice(base.length) : '/';
}

class Route {
  /** Without what the app is served below. */
  path = $state(shown());
  private query = $state.raw(new URLSearchParams(location.search));

  constructor() {
    window.addEventListener('popstate', () => this.read());
  }

  /** The room that is shown. */
  get room(): RoomId | null {
    return (ROOM.exec(this.path)?.[1] as RoomId | undefined) ?? null;
  }

  get panel(): Panel | null {
    return this.query.get('panel') as Panel | null;
  }

  get dialog(): DialogName | null {
    return this.query.get('dialog') as DialogName | null;
  }

  /** Where one wanted to go before one had to sign in. */
  get to(): string | null {
    const to = this.room ? this.path : this.query.get('to');
    return to && ROOM.test(to) ? to : null;
  }

  /** Signing in or up. */
  get entrance(): boolean {
    return this.path === '/sign-in' || this.path === '/sign-up';
  }

  /** Nothing is at this address. */
  get lost(): boolean {
    return this.path !== '/' && !this.room && !this.entrance;
  }

  /** Goes there; what was open over the page gives its entry to it. */
  go(address: string, replace = false): void {
    settled(() => {
      const next = new URL(address, location.origin);
      const covered = uncovered() || this.dialog !== null;
      if (next.pathname === this.path && !covered) return;
      if (this.room && ROOM.test(next.pathname) && matchMedia(BESIDE).matches) this.carry(next, 'panel');
      next.pathname = href(next.pathname);
      this.put(next, replace || covered);
    });
  }

  open(part: 'panel' | 'dialog', name: Panel | DialogName): void {
    settled(() => {
      if (this.query.get(part) === name) return;
      const next = new URL(location.href);
      next.searchParams.set(part, name);
      this.put(next, false, true);
    });
  }

  close(part: 'panel' | 'dialog'): void {
    settled(() => {
      if (!this.query.has(part)) return;
      if (entry().opened) return back();
      const next = new URL(location.href);
      next.searchParams.delete(part);
      this.put(next, true);
    });
  }

  private put(next: URL, replace: boolean, opened = false): void {
    // So that a reload keeps the way to the server.
    this.carry(next, 'transport');
    if (replace) history.replaceState({ opened }, '', next);
    else history.pushState({ opened }, '', next);
    this.read();
  }

  /** Keeps a part of the address on the way to the next. */
  private carry(next: URL, name: string): void {
    const value = this.query.get(name);
    if (value) next.searchParams.set(name, value);
  }

  private read(): void {
    this.path = shown();
    this.query = new URLSearchParams(location.search);
  }
}

export const route = new Route();

/** The address of a room. */
export function roomPath(room: RoomId): string {
  return `/r/${room}`;
}
