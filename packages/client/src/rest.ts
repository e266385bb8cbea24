/**
 * The REST client: one method for each address that the client needs, typed in and out.
 * A "no" of the server is thrown as `RefusalError`, a lost network as `Unreachable`; it never retries.
 */

import type {
  CreateRoom,
  Devices,
  DeviceId,
  Event,
  EventId,
  Events,
  Marker,
  MarkerAnswer,
  Me,
  Members,
  Messages,
  Problem,
  Refusal,
  Role,
  RoomAnswer,
  RoomId,
  Rooms,
  RoomSummary,
  Seq,
  SetPassword,
  SignedIn,
  SignIn,
  SignUp,
  TxnId,
  UserId,
  UserProfile,
  Users,
} from '@tidings/protocol';
import { jsonOf, wellFormed } from './text.ts';

/** The part of the standard `Response` that is used. */
export interface ResponseLike {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: BodyLike | null;
  json(): Promise<unknown>;
}

export interface BodyLike {
  getReader(): {
    read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
    cancel(): Promise<unknown>;
  };
}

export interface RequestLike {
  method: string;
  headers: Record<string, string>;
  body?: string;
}

/** The part of the standard `fetch` that is used. */
export type FetchLike = (url: string, request: RequestLike) => Promise<ResponseLike>;

/** The server said no, with a stable code. `[RE3]` */
export class RefusalError extends Error {
  override readonly name = 'RefusalError';
  readonly refusal: Refusal;
  readonly status: number;

  constructor(refusal: Refusal, status: number) {
    super(refusal.message);
    this.refusal = refusal;
    this.status = status;
  }
}

/** No answer came; nobody knows whether the request did. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/** Which part of a room's history. */
export interface PageQuery {
  before?: Seq;
  after?: Seq;
  around?: Seq;
  limit?: number;
}

export interface RestOptions {
  fetch: FetchLike;
  /** The server's address without a slash at the end; empty for the page's own. */
  base: string;
  /** Sent with each request, such as `Authorization`. Left out with the cookie. */
  headers?: Record<string, string>;
  /** Ask that the token of a sign-in comes as a cookie. `[RE1]` */
  cookie?: boolean;
}

export class Rest {
  private readonly options: RestOptions;

  constructor(options: RestOptions) {
    this.options = options;
  }

  signUp(body: SignUp): Promise<SignedIn> {
    return this.answer('POST', '/users', body, this.signInHeaders());
  }

  signIn(body: SignIn): Promise<SignedIn> {
    return this.answer('POST', '/devices', body, this.signInHeaders());
  }

  async signOut(): Promise<void> {
    await this.call('DELETE', '/devices/current');
  }

  me(): Promise<Me> {
    return this.answer('GET', '/me');
  }

  /** The other devices are signed out, unless `keep_devices` is true. Null when it is the password already. */
  setPassword(body: SetPassword): Promise<Event | null> {
    return this.change('PUT', '/me/password', body);
  }

  devices(): Promise<Devices> {
    return this.answer('GET', '/devices');
  }

  async removeDevice(device: DeviceId): Promise<void> {
    await this.call('DELETE', `/devices/${device}`);
  }

  async users(ids: UserId[]): Promise<UserProfile[]> {
    const query = ids.map((id) => `id=${encodeURIComponent(id)}`).join('&');
    return (await this.answer<Users>('GET', `/users?${query}`)).users;
  }

  async findUsers(start: string): Promise<UserProfile[]> {
    return (await this.answer<Users>('GET', `/users?q=${encodeURIComponent(wellFormed(start))}`)).users;
  }

  async createRoom(body: CreateRoom): Promise<RoomSummary> {
    return (await this.answer<RoomAnswer>('POST', '/rooms', body)).room;
  }

  async room(room: RoomId): Promise<RoomSummary> {
    return (await this.answer<RoomAnswer>('GET', `/rooms/${room}`)).room;
  }

  publicRooms(after?: RoomId): Promise<Rooms> {
    return this.answer('GET', `/rooms?scope=public${after ? `&after=${after}` : ''}`);
  }

  async renameRoom(room: RoomId, name: string): Promise<void> {
    await this.call('PATCH', `/rooms/${room}`, { name });
  }

  members(room: RoomId, after?: UserId): Promise<Members> {
    return this.answer('GET', `/rooms/${room}/members${after ? `?after=${after}` : ''}`);
  }

  async join(room: RoomId, user: UserId | 'me' = 'me'): Promise<void> {
    await this.call('PUT', `/rooms/${room}/members/${user}`);
  }

  async leave(room: RoomId, user: UserId | 'me' = 'me'): Promise<void> {
    await this.call('DELETE', `/rooms/${room}/members/${user}`);
  }

  async setRole(room: RoomId, user: UserId, role: Role): Promise<void> {
    await this.call('PATCH', `/rooms/${room}/members/${user}`, { role });
  }

  messages(room: RoomId, query: PageQuery = {}): Promise<Messages> {
    const parts = Object.entries(query).filter(([, value]) => value !== undefined);
    const text = parts.map(([key, value]) => `${key}=${value}`).join('&');
    return this.answer('GET', `/rooms/${room}/messages${text ? `?${text}` : ''}`);
  }

  events(room: RoomId, after: Seq, limit?: number): Promise<Events> {
    const more = limit === undefined ? '' : `&limit=${limit}`;
    return this.answer('GET', `/rooms/${room}/events?after=${after}${more}`);
  }

  send(room: RoomId, txn: TxnId, text: string): Promise<Event> {
    return this.answer('POST', `/rooms/${room}/messages`, { txn, text });
  }

  edit(room: RoomId, txn: TxnId, message: EventId, text: string): Promise<Event | null> {
    return this.change('PATCH', `/rooms/${room}/messages/${message}`, { txn, text });
  }

  delete(room: RoomId, txn: TxnId, message: EventId): Promise<Event | null> {
    return this.change('DELETE', `/rooms/${room}/messages/${message}`, undefined, txn);
  }

  react(room: RoomId, txn: TxnId, message: EventId, emoji: string, on: boolean): Promise<Event | null> {
    const path = `/rooms/${room}/messages/${message}/reactions/${encodeURIComponent(wellFormed(emoji))}`;
    return this.change(on ? 'PUT' : 'DELETE', path, undefined, txn);
  }

  /** Null when the marker was there already. */
  async mark(room: RoomId, seq: Seq): Promise<Marker | null> {
    const response = await this.call('PUT', `/rooms/${room}/marker`, { seq });
    return response.status === 204 ? null : ((await response.json()) as MarkerAnswer).marker;
  }

  /** Opens the stream over SSE. `[SE1]` */
  stream(since?: string): Promise<ResponseLike> {
    const query = since ? `?since=${encodeURIComponent(since)}` : '';
    return this.call('GET', `/events${query}`, undefined, { accept: 'text/event-stream' });
  }

  private signInHeaders(): Record<string, string> {
    return this.options.cookie ? { 'x-tidings-cookie': '1' } : {};
  }

  private async change(
    method: string,
    path: string,
    body: unknown,
    txn?: TxnId,
  ): Promise<Event | null> {
    const response = await this.call(method, path, body, txn ? { 'idempotency-key': txn } : {});
    return response.status === 204 ? null : ((await response.json()) as Event);
  }

  private async answer<T>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<T> {
    const response = await this.call(method, path, body, headers);
    return (await response.json()) as T;
  }

  private async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<ResponseLike> {
    const request: RequestLike = {
      method,
      headers: { accept: 'application/json', ...this.options.headers, ...headers },
    };
    if (body !== undefined) {
      request.body = jsonOf(body);
      request.headers['content-type'] = 'application/json';
    }
    let response: ResponseLike;
    // On its own: a page's `fetch` refuses to be called as a part of something else.
    const { fetch, base } = this.options;
    try {
      response = await fetch(`${base}/api/v1${path}`, request);
    } catch (error) {
      throw new Unreachable('The server cannot be reached.', { cause: error });
    }
    if (!response.ok) throw await refusalOf(response);
    return response;
  }
}

async function refusalOf(response: ResponseLike): Promise<RefusalError> {
  let problem: Partial<Problem> = {};
  try {
    problem = (await response.json()) as Partial<Problem>;
  } catch {
    // A proxy's page instead of our answer; the status says enough.
  }
  const refusal: Refusal = {
    code: problem.code ?? codeOfStatus(response.status),
    message: problem.detail ?? problem.title ?? `The server answered ${response.status}.`,
  };
  // Which fields do not fit. [RE3]
  if ('errors' in problem) Object.assign(refusal, { errors: problem.errors });
  const wait = problem.retry_after_ms ?? secondsOf(response.headers.get('retry-after'));
  if (wait !== undefined) refusal.retry_after_ms = wait;
  return new RefusalError(refusal, response.status);
}

function codeOfStatus(status: number): string {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not_found';
  if (status === 413) return 'too_large';
  if (status === 429) return 'rate_limited';
  return status >= 500 ? 'unavailable' : 'bad_request';
}

function secondsOf(header: string | null): number | undefined {
  const seconds = header === null ? Number.NaN : Number(header);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}
