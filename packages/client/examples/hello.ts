/** What the README shows first: connect, hear what is written in a room, say hello. */

import { connect, listen, say } from '@tidings/client';

const url = process.env.TIDINGS_URL ?? 'http://127.0.0.1:8080';
const client = await connect(url, process.env.TIDINGS_TOKEN);
const [room] = client.store.rooms();
if (!room) throw new Error('Add this account to a room first.');
await listen(client, room.id, ({ text }) => console.log(text));
await say(client, room.id, 'hello');
