/** Two people on a server that is one of several things on its host, below a path. */

import assert from 'node:assert/strict';
import { story } from '../stage.mjs';

const FLAGS = ['--base-path', '/team/chat'];

story(
  'below a path of its host the page is whole',
  async (stage) => {
    const ada = await stage.person('Ada');
    const bob = await stage.person('Bob');
    for (const person of [ada, bob]) await signUpBelow(person);
    await ada.createChannel('general');
    await bob.joinChannel('general');
    await ada.say('From below');
    await bob.bubble('From below').waitFor();
    const address = new URL(ada.page.url()).pathname;
    assert.match(address, /^\/team\/chat\/r\/room_/);
    // The address of a room can be opened again, and a link within the page leads below, too.
    await ada.page.reload();
    await ada.isIn('general');
    await ada.bubble('From below').waitFor();
    await ada.live('ws');
    await ada.page.goto(`${address}?transport=sse`);
    await ada.live('sse');
    const cookies = await ada.page.context().cookies();
    // What a device is known by goes to signing in alone; all of it stays below.
    const paths = cookies.map(({ path }) => path);
    assert.ok(paths.includes('/team/chat/'), paths);
    assert.ok(paths.every((path) => path.startsWith('/team/chat/')), paths);
  },
  FLAGS,
);

async function signUpBelow(person) {
  await person.page.goto('/team/chat/sign-up');
  await person.at('display-name').fill(person.name);
  await person.at('username').fill(person.username);
  await person.at('password').fill('correct horse battery');
  await person.press(person.at('submit'));
  await person.live();
}
