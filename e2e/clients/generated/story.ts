/** The story of generated clients, in TypeScript: openapi-typescript makes the types, openapi-fetch calls. */

import createClient from 'openapi-fetch';
import type { components, paths } from './document.js';

type Content = components['schemas']['Content'];
type Frame = components['schemas']['ServerFrame'];
type Poll = components['schemas']['Poll'];

declare const process: { env: Record<string, string | undefined> };
const baseUrl = process.env.TIDINGS_URL ?? '';

function must<T>(what: string, { data, error }: { data?: T; error?: unknown }): T {
  if (data === undefined) throw new Error(`${what}: ${JSON.stringify(error)}`);
  return data;
}

/** The stream has two forms; `live=poll` gives the one that is no text. */
function polled(what: string, { data, error }: { data?: Poll | string; error?: unknown }): Poll {
  if (data === undefined || typeof data === 'string') throw new Error(`${what}: ${JSON.stringify(error)}`);
  return data;
}

function check(what: string, right: boolean): void {
  if (!right) throw new Error(what);
}

/** Every kind of content is known: a kind that was dropped does not compile, nor does one that is missing here. */
function text(content: Content | null): string | null {
  switch (content?.kind) {
    case 'message':
    case 'message_edited':
      return content.text;
    case 'room_created':
      return content.name ?? null;
    case 'room_renamed':
      return content.name;
    case 'member_joined':
    case 'member_left':
    case 'role_changed':
      return content.user;
    case 'reaction_added':
    case 'reaction_removed':
      return content.emoji;
    case 'user_created':
      return content.username;
    case 'device_added':
    case 'device_removed':
      return content.device;
    case 'marker_moved':
      return content.room;
    case 'message_deleted':
    case 'password_changed':
    case undefined:
      return null;
    default:
      return content satisfies never;
  }
}

function event(frames: Frame[], room: string) {
  for (const frame of frames) if (frame.type === 'event' && frame.log === room) return frame;
  throw new Error(`no event in ${JSON.stringify(frames)}`);
}

const anyone = createClient<paths>({ baseUrl });
const account = { username: 'typed', password: 'a long password' };
const { user, token } = must('sign up', await anyone.POST('/api/v1/users', { body: account }));
const api = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });
const made = await api.POST('/api/v1/rooms', { body: { kind: 'group', name: 'harbour' } });
const { room } = must('a room', made);
check('a role that may be null', room.role === 'owner' && room.last === null);

const poll = { live: 'poll' as const };
const first = polled('a poll', await api.GET('/api/v1/events', { params: { query: poll } }));
const [ready] = first.frames;
check('ready comes first', ready?.type === 'ready' && ready.rooms[0]?.id === room.id && ready.me.id === user.id);

const path = { room: room.id };
const sent = must('a send', await api.POST('/api/v1/rooms/{room}/messages', { params: { path }, body: { text: 'hello' } }));
check('the answer is the event', text(sent.content) === 'hello');
const since = { ...poll, since: first.cursor };
const next = polled('a poll', await api.GET('/api/v1/events', { params: { query: since } }));
check('the stream brings it', text(event(next.frames, room.id).content) === 'hello');
const log = must('the log', await api.GET('/api/v1/rooms/{room}/events', { params: { path } }));
check('the log', log.events.map(({ content }) => content?.kind).join() === 'room_created,member_joined,message');

const nowhere = { room: 'room_00000000000000000000000000' };
const refused = await api.GET('/api/v1/rooms/{room}', { params: { path: nowhere } });
check('a refusal has its code', refused.error?.code === 'not_found');
console.log('the story holds');
