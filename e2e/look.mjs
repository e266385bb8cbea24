/**
 * A strict look at one screen: nothing sticks out sideways, controls are large enough for a finger,
 * and axe-core finds nothing serious, in light and in dark. It only looks; it presses nothing.
 */

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

/** Put into each page before its own code, where the policy of the page does not reach. */
export const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** A fingertip, in CSS pixels (WCAG 2.5.5). */
const TARGET_PX = 44;
/** What stands in rows of its own kind, and what a slip does is undone by another press. */
const SMALL_ALLOWED = ['reaction'];
const SERIOUS = new Set(['serious', 'critical']);
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const ALL = { type: 'tag', values: TAGS };
/** The themes differ in their colours only. */
const COLOURS = { type: 'rule', values: ['color-contrast'] };

/**
 * Looks at what is on screen in both themes and gives what is wrong, a sentence each; `shoot` takes
 * a picture of each theme.
 */
export async function look(person, screen, shoot = () => {}) {
  const { page } = person;
  const found = [];
  const tell = (what, list) => {
    found.push(...list.map((one) => `${person.username}, ${screen}, ${what}: ${one}`));
  };
  tell('sticks out', await stickingOut(page));
  if (person.touch) tell(`smaller than ${TARGET_PX} px`, await smallTargets(page));
  for (const [colorScheme, rules] of [
    ['light', ALL],
    ['dark', COLOURS],
  ]) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await still(page);
    tell(colorScheme, await violations(page, rules));
    await shoot(`${screen}-${colorScheme}`);
  }
  return found;
}

/**
 * Waits until nothing moves or changes its colour any more. A colour that is inherited may begin to
 * change only when the one above it has ended, so quiet frames have to follow.
 */
function still(page) {
  return page.evaluate(async () => {
    const frame = () => new Promise((painted) => requestAnimationFrame(painted));
    for (let quiet = 0; quiet < 3; ) {
      await frame();
      const moving = document.getAnimations();
      quiet = moving.length ? 0 : quiet + 1;
      await Promise.allSettled(moving.map(({ finished }) => finished));
    }
  });
}

/** Elements that reach beyond the sides of the window, and windows that scroll sideways. */
function stickingOut(page) {
  return page.evaluate(() => {
    const wide = [...document.querySelectorAll('*')].filter((element) => {
      if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return false;
      // Long lines of code scroll within their own box.
      if (element.closest('pre')) return false;
      const { left, right, width } = element.getBoundingClientRect();
      return width > 1 && (left < -0.5 || right > window.innerWidth + 0.5);
    });
    const { scrollWidth, clientWidth } = document.documentElement;
    const page = scrollWidth > clientWidth ? [`the page: ${scrollWidth} px`] : [];
    return [...page, ...wide.map((element) => element.outerHTML.slice(0, 120))];
  });
}

/** What can be pressed and is smaller than a fingertip. */
function smallTargets(page) {
  return page.evaluate(([least, allowed]) => {
    const top = document.querySelector('dialog[open]') ?? document;
    const controls = top.querySelectorAll('button, a[href], input, textarea, [role="tab"]');
    return [...controls].flatMap((control) => {
      if (!control.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return [];
      if (allowed.includes(control.dataset.testid)) return [];
      // Within a sentence the line gives the height, as the rule allows.
      if (getComputedStyle(control).display === 'inline') return [];
      // The label around it is what is pressed.
      const { width, height } = (control.closest('label') ?? control).getBoundingClientRect();
      if (width >= least - 0.5 && height >= least - 0.5) return [];
      const name = control.dataset.testid ?? control.ariaLabel ?? control.textContent.trim();
      return [`${name}: ${width.toFixed()}×${height.toFixed()}`];
    });
  }, [TARGET_PX, SMALL_ALLOWED]);
}

/** What axe-core finds serious or critical. */
async function violations(page, rules) {
  const found = await page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly }), rules);
  // Where a layer covers another, axe may not know the colour behind a text; that is no finding.
  const looked = found.passes.length + found.incomplete.length + found.violations.length;
  assert.ok(looked > 0, 'axe looked at something');
  return found.violations
    .filter(({ impact }) => SERIOUS.has(impact))
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
    );
}
