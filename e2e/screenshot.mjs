/**
 * Takes the picture in the README: `node screenshot.mjs [file]`. A small talk is held for it on a
 * server of its own, through the page, so that the picture shows what is really there.
 */

import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Stage } from './stage.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const FILE = resolve(process.argv[2] ?? join(HERE, '../docs/screenshot.png'));
const ROOM = 'observatory';

const stage = await Stage.set();
try {
  const people = await Promise.all(['Ada', 'Ben', 'Mira', 'Tomás'].map((name) => stage.person(name)));
  const [ada, ben, mira, tomas] = people;
  for (const person of people) await person.signUp();

  // What else is in the list.
  await ada.createChannel('garden');
  await mira.joinChannel('garden');
  await ada.say('The seeds have come.');
  await ada.createChannel(ROOM);
  for (const person of [mira, ben, tomas]) await person.joinChannel(ROOM);
  await tomas.talkTo(ada);
  await tomas.say('Shall I bring the small lens, too?');
  await ben.talkTo(ada);
  await ben.say('Thank you for the maps!');
  await ada.open('Ben');
  await ada.sees('Thank you for the maps!');
  await ada.say('Keep them as long as you like.');

  // The talk itself.
  await ada.open(ROOM);
  await ben.open(ROOM);
  await tomas.open(ROOM);
  await mira.open(ROOM);
  const sky = 'The sky will be clear tonight, from nine until after midnight.';
  await mira.say(sky.replace('clear tonight', '**$&**'), sky);
  await ben.sees(sky);
  await ben.say('I will drive up. There is room for two in the car.');
  await ada.sees('I will drive up. There is room for two in the car.');
  await ada.say('Take me with you? I bring tea and the big blanket.');
  await tomas.sees('Take me with you? I bring tea and the big blanket.');
  await tomas.say('Then I cycle. For the mount, these worked well last time:');
  const code = 'tracking = "sidereal"\nexposure_s = 45\nframes = 60';
  await tomas.say(`\`\`\`\n${code}\n\`\`\``, code);
  await mira.bubble(code).waitFor();
  await mira.say('45 seconds is brave. I like it 🔭');
  await ada.sees('45 seconds is brave. I like it 🔭');
  await ada.say('Meet at eight at the mill, then.');
  await mira.sees('Meet at eight at the mill, then.');
  for (const [person, text, emoji] of [
    [mira, 'Take me with you? I bring tea and the big blanket.', '❤️'],
    [tomas, 'Take me with you? I bring tea and the big blanket.', '❤️'],
    [ben, 'Meet at eight at the mill, then.', '👍'],
    [mira, 'Meet at eight at the mill, then.', '👍'],
    [tomas, 'Meet at eight at the mill, then.', '👍'],
    [ada, 'I will drive up. There is room for two in the car.', '👍'],
  ]) {
    await person.act(text, `[data-testid="quick-react"][data-emoji="${emoji}"]`);
    const own = person.message(text).locator(`[data-testid="reaction"][data-emoji="${emoji}"]`);
    await own.and(person.page.locator('[aria-pressed="true"]')).waitFor();
  }

  // Something unread, somebody typing.
  await mira.open('garden');
  await mira.say('Wonderful. Tomatoes first?');
  await mira.say('I have a free bed by the wall.');
  const unread = ada.listed('garden').getByTestId('unread');
  await unread.waitFor();
  await ben.at('composer').pressSequentially('I will be');
  await ada.at('typing').getByText('Ben is typing').waitFor();
  await ada.page.mouse.move(0, 0);
  await ada.at('composer').blur();
  await ada.page.screenshot({ path: FILE });
  stage.assertQuiet();
  console.log(FILE);
} finally {
  await stage.clear();
}
