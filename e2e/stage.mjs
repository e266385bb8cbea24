/**
 * Where a story plays: one server, one Chromium, and the people in it, each in a browser profile
 * of their own. It owns their start and end, and it listens to every page: an error that no story
 * allowed fails the story. What people do is in person.mjs.
 */

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { Person } from './person.mjs';
import { Server } from './server.mjs';
import { DEADLINE_MS } from './wait.mjs';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const STORY_MS_MAX = 110_000;
export const DESKTOP = { viewport: { width: 1280, height: 800 } };

/**
 * One story as a test: sets the stage, plays, and clears it whatever happened. `flags` are more of
 * the server's.
 */
export function story(name, play, flags = []) {
  test(name, { timeout: STORY_MS_MAX }, async () => {
    const stage = await Stage.set(flags);
    let failure = null;
    try {
      await play(stage);
      stage.assertQuiet();
    } catch (error) {
      failure = error;
      await stage.shoot('failed').catch(() => undefined);
      console.error(`${stage.errors.join('\n')}\n${stage.server.log()}`);
    }
    try {
      await stage.clear();
    } catch (error) {
      failure ??= error;
    }
    if (failure) throw failure;
  });
}

export class Stage {
  server;
  /** What the pages complained of and no story allowed. */
  errors = [];
  #browser;
  #people = [];
  /** While the server is away, pages may complain that they cannot reach it. */
  #outage = false;
  #allowed = [];

  static async set(flags = []) {
    const executablePath = chromiumPath();
    const stage = new Stage();
    stage.server = await Server.start(flags);
    try {
      stage.#browser = await chromium.launch({ executablePath, args: FLAGS });
    } catch (error) {
      await stage.server.stop();
      throw error;
    }
    return stage;
  }

  /** Somebody with a fresh browser profile in front of the page. */
  async person(name, options = DESKTOP, scripts = []) {
    const settings = { locale: 'en-GB', timezoneId: 'UTC', baseURL: this.server.base, ...options };
    const context = await this.#browser.newContext(settings);
    context.setDefaultTimeout(DEADLINE_MS);
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    for (const path of scripts) await context.addInitScript({ path });
    context.on('console', (message) => this.#hear(name, message));
    context.on('weberror', (error) => this.errors.push(`${name}: ${error.error().stack}`));
    const person = new Person(name, await context.newPage(), options.hasTouch);
    this.#people.push(person);
    return person;
  }

  /** Pages may complain of this: it is what the story is about. */
  allow(text) {
    this.#allowed.push(text);
  }

  /** The power goes out. */
  async cut() {
    this.#outage = true;
    await this.server.kill();
  }

  /** The server is back; `settled` waits until every page has noticed. */
  async mend(settled) {
    await this.server.restart();
    await settled();
    this.#outage = false;
  }

  assertQuiet() {
    if (this.errors.length) throw new Error(`the page complained:\n${this.errors.join('\n')}`);
  }

  /** Pictures of these people's pages, when `TIDINGS_E2E_SHOTS` names a folder for them. */
  async shoot(name, people = this.#people) {
    const folder = process.env.TIDINGS_E2E_SHOTS;
    if (!folder) return;
    await mkdir(folder, { recursive: true });
    for (const { username, page } of people) {
      if (!page.isClosed()) await page.screenshot({ path: join(folder, `${name}-${username}.png`) });
    }
  }

  async clear() {
    try {
      await this.#browser.close();
    } finally {
      await this.server.stop();
    }
  }

  #hear(name, message) {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    const [text, { url }] = [message.text(), message.location()];
    // A page that was never signed in asks once who it is, and Chromium notes the answer.
    if (url.endsWith('/api/v1/me') && text.includes('status of 401')) return;
    if (this.#allowed.some((allowed) => allowed.test(text))) return;
    if (this.#outage && text.includes('net::ERR_')) return;
    this.errors.push(`${name}: ${text} (${url})`);
  }
}

function chromiumPath() {
  const path = process.env.TIDINGS_TEST_CHROMIUM ?? '/usr/bin/chromium';
  if (existsSync(path)) return path;
  throw new Error(`There is no Chromium at ${path}: run \`make test\`, which installs it.`);
}
