/**
 * Who is signed in, and the client that works for them. It owns sign-in, sign-out and what happens
 * when the server ends the session; everything else asks the client through the other files here.
 */

import {
  Client,
  CLOSE,
  MemoryStorage,
  RefusalError,
  Unreachable,
  type Storage,
  type UserProfile,
} from '@tidings/client';
import { clock, locks, random, rest, transports } from './browser.ts';
import { IdbStorage } from './idb.ts';
import { inWords } from './refusals.ts';

const ACCOUNT = 'tidings.account';
/** Drafts that the database had no time for stand in local storage under this. */
export const DRAFT_KEY = 'tidings.draft.';

type Status = 'starting' | 'out' | 'in';

class Account {
  status = $state<Status>('starting');
  client = $state.raw<Client | null>(null);
  /** Why one is signed out, when one did not ask for it. */
  notice = $state<string | null>(null);

  /** Whether somebody was signed in here when the page was last open. */
  known(): boolean {
    return localStorage.getItem(ACCOUNT) !== null;
  }

  /** With a known account at once, offline too; else the cookie may know who one is. */
  async boot(): Promise<void> {
    const known = localStorage.getItem(ACCOUNT);
    if (known) return this.enter(known);
    try {
      const { user } = await rest.me();
      await this.enter(user.id);
    } catch (error) {
      if (error instanceof Unreachable) this.notice = error.message;
      this.status = 'out';
    }
  }

  async signUp(username: string, password: string, displayName: string): Promise<void> {
    const names = displayName ? { username, display_name: displayName } : { username };
    const { user } = await rest.signUp({ ...names, password, device_name: deviceName() });
    await this.signedIn(user);
  }

  async signIn(username: string, password: string): Promise<void> {
    const { user } = await rest.signIn({ username, password, device_name: deviceName() });
    await this.signedIn(user);
  }

  async signOut(): Promise<void> {
    const client = this.client;
    if (!client) return;
    await client.signOut();
    forgetDrafts();
    this.leave(null);
  }

  private async signedIn(user: UserProfile): Promise<void> {
    localStorage.setItem(ACCOUNT, user.id);
    await this.enter(user.id);
  }

  private async enter(account: string): Promise<void> {
    let storage: Storage;
    try {
      storage = await IdbStorage.open(account);
      // So that the outbox is not the first to go when the disk is full.
      void navigator.storage?.persist?.();
    } catch {
      // A private window may forbid it: everything works, until the page is closed.
      storage = new MemoryStorage();
    }
    const client = await Client.open({
      rest,
      transports: transports(),
      storage,
      clock,
      random,
      locks,
      trouble: (error) => console.error(error),
    });
    client.store.topics.on('connection', () => this.ended(client));
    client.setPresence(document.visibilityState === 'visible' ? 'online' : 'away');
    this.notice = null;
    this.client = client;
    this.status = 'in';
    client.start();
  }

  /** The server ended the session for good. */
  private ended(client: Client): void {
    const { phase, endedBy } = client.store.connection;
    if (phase !== 'ended' || client !== this.client) return;
    if (endedBy === CLOSE.device_removed) {
      this.leave('This device was signed out.');
      forgetDrafts();
      void client.wipe();
    } else if (endedBy === CLOSE.unauthenticated) {
      // What waits in the outbox stays for when one is back.
      this.leave('Please sign in again.');
      void client.stop();
    }
  }

  private leave(notice: string | null): void {
    localStorage.removeItem(ACCOUNT);
    this.client = null;
    this.notice = notice;
    this.status = 'out';
  }
}

export const account = new Account();

/** The client of who is signed in; parts that need it are shown only then. */
export function client(): Client {
  if (!account.client) throw new Error('nobody is signed in');
  return account.client;
}

/** What went wrong, in a sentence for people. */
export function sentence(error: unknown): string {
  if (error instanceof RefusalError) return inWords(error.refusal);
  if (error instanceof Unreachable) return error.message;
  return 'Something went wrong here. Reload the page and try again.';
}

function forgetDrafts(): void {
  for (const key of Object.keys(localStorage)) if (key.startsWith(DRAFT_KEY)) localStorage.removeItem(key);
}

/** A refusal's code, and the fields of the request that it points to; null for other errors. */
export function refusalOf(error: unknown): { code: string; pointers: string[] } | null {
  if (!(error instanceof RefusalError)) return null;
  const { code, errors } = error.refusal as RefusalError['refusal'] & { errors?: { pointer?: string }[] };
  return { code, pointers: (errors ?? []).flatMap(({ pointer }) => pointer ?? []) };
}

/** "Firefox on Linux": enough to recognise a device in a list. */
function deviceName(): string {
  const agent = navigator.userAgent;
  const browser =
    ['Edg', 'OPR', 'Firefox', 'Chrome', 'Safari'].find((name) => agent.includes(name)) ?? 'Browser';
  const system =
    ['Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'Linux'].find((name) => agent.includes(name)) ??
    'an unknown system';
  const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', Mac: 'macOS' };
  return `${names[browser] ?? browser} on ${names[system] ?? system}`;
}
