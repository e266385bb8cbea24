/**
 * A bot that says again what others say in the rooms that it is in when it starts: the smallest
 * program that is of use. `docs/guides/write-a-bot.md` says how to run it.
 */

import { connect, listen, say } from '@tidings/client';

const url = process.env.TIDINGS_URL ?? 'http://127.0.0.1:8080';
const client = await connect(url, process.env.TIDINGS_TOKEN);
const me = client.store.me?.id;
for (const { id } of client.store.rooms()) {
  await listen(client, id, ({ actor, text }) => {
    if (actor === me || text === null) return;
    say(client, id, text).catch((error) => console.error(`not said: ${error.message}`));
  });
}
console.log(`${client.store.me?.display_name} is here`);
