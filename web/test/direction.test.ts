/**
 * Human text has a direction of its own: what people wrote or named stands inside `dir="auto"` or
 * `<bdi>`, and in a sentence of ours inside an isolate, or an Arabic name reorders what is around it.
 * Everything that a template draws counts as human text, unless it is known to be ours.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, type AST } from 'svelte/compiler';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));
/** What gives words of ours, numbers and times. */
const OUR_CALLS = ['sinceTime', 'clockTime', 'fullTime', 'dayName', 'briefTime', 'toLocaleString'];
/** What brings human text into a sentence with its direction kept. */
const ISOLATING = ['isolate', 'calledOf', 'roomCalled'];
/** Attributes that a person reads or hears. */
const READ = ['label', 'title', 'placeholder', 'alt', 'aria-label', 'aria-description'];
/** Expressions that are ours, by the file that draws them. Usernames are ASCII by their rule. */
const OURS: Record<string, string[]> = {
  'app/Room.svelte': ['username', 'PRESENCE[presence]', 'room.members', 'present'],
  // The room's name comes isolated.
  'features/auth/Auth.svelte': ['greeting()'],
  'features/composer/Composer.svelte': ['title'],
  'features/connection/Connection.svelte': ['WORDS[state.word]'],
  // The room's name, and whoever did it, come isolated.
  'features/connection/Stranded.svelte': ['one.why'],
  'features/members/Members.svelte': ["profile(user)?.username ?? ''", 'ROLES[role]'],
  'features/rooms/NewRoom.svelte': ['label', 'found.members'],
  'features/rooms/Offer.svelte': ['room.members', 'username'],
  'features/rooms/PeopleSearch.svelte': ['user.username'],
  'features/rooms/RoomItem.svelte': ['username', 'unread', 'UNREAD_SHOWN_MAX'],
  'features/rooms/RoomList.svelte': ['title', 'self.username'],
  'features/rooms/SignOut.svelte': ['waits'],
  'features/timeline/Actions.svelte': ['emoji'],
  'features/timeline/ActionSheet.svelte': ['emoji'],
  'features/timeline/EmojiGrid.svelte': ['name', 'emoji'],
  'features/timeline/Message.svelte': ['username'],
  // The bubble around it has the direction.
  'features/timeline/MessageText.svelte': ['block.text', 'span.text', 'span.host'],
  // Names in it are isolated one by one.
  'features/timeline/Reactions.svelte': ['emoji', 'users.length', 'who(users)'],
  'features/timeline/Timeline.svelte': ['waiting', 'sinceTime(news.since)'],
  'features/timeline/TypingLine.svelte': ['sentence'],
  'ui/Avatar.svelte': ['initials'],
  'ui/Dialog.svelte': ['title'],
  'ui/Field.svelte': ['label'],
};

/** A node of the tree, as far as it is looked at. */
interface Node {
  type: string;
  start: number;
  end: number;
  [key: string]: unknown;
}

/** What one component draws without a direction. */
function undirected(source: string, ours: readonly string[]): string[] {
  const found: string[] = [];
  const written = (node: Node) => source.slice(node.start, node.end).replace(/\s+/g, ' ');
  const tell = (node: Node) => {
    const line = source.slice(0, node.start).split('\n').length;
    found.push(`${line}: ${written(node)}`);
  };

  /** The parts of an expression that give the text. */
  function human(node: Node): Node[] {
    const parts = (key: string) => human(node[key] as Node);
    switch (node.type) {
      case 'Literal':
      case 'TemplateElement':
        return [];
      case 'ConditionalExpression':
        return [...parts('consequent'), ...parts('alternate')];
      case 'LogicalExpression':
        if (ours.includes(written(node))) return [];
        return [...(node.operator === '&&' ? [] : parts('left')), ...parts('right')];
      case 'TemplateLiteral':
        return (node.expressions as Node[]).flatMap(human);
      case 'CallExpression': {
        const callee = node.callee as Node;
        const name = written((callee.property as Node | undefined) ?? callee);
        if ([...OUR_CALLS, ...ISOLATING].includes(name)) return [];
      }
    }
    return ours.includes(written(node)) ? [] : [node];
  }

  /** Text in the page. */
  function fragment(nodes: readonly Node[], directed: boolean): void {
    for (const node of nodes) draw(node, directed);
  }

  function draw(node: Node, directed: boolean): void {
    if (node.type === 'ExpressionTag' && !directed) {
      human(node.expression as Node).forEach(tell);
    }
    let inside = directed;
    if (Array.isArray(node.attributes)) {
      const attributes = node.attributes as Node[];
      const named = (name: string) => attributes.find((attribute) => attribute.name === name);
      inside ||= node.name === 'bdi' || named('dir') !== undefined;
      const type = named('type');
      const typed = type === undefined || !/radio|checkbox/.test(written(type));
      if (/^(input|textarea)$/.test(String(node.name)) && typed && !named('dir')) tell(node);
      for (const attribute of attributes) label(attribute);
    }
    for (const key of ['fragment', 'body', 'consequent', 'alternate', 'fallback', 'then', 'catch', 'pending']) {
      const below = node[key] as { nodes?: Node[] } | null | undefined;
      if (below?.nodes) fragment(below.nodes, inside);
    }
  }

  /** Text that is read and has no element: with words of ours around it, it has to be isolated. */
  function label(attribute: Node): void {
    if (!READ.includes(String(attribute.name))) return;
    const value = attribute.value as Node | Node[] | true;
    if (value === true) return;
    const tags = [value].flat().filter(({ type }) => type === 'ExpressionTag');
    const mixed = Array.isArray(value) && value.length > 1;
    for (const tag of tags) {
      const expression = tag.expression as Node;
      if (mixed || written(expression).includes('`')) human(expression).forEach(tell);
    }
  }

  fragment((parse(source, { modern: true }) as AST.Root).fragment.nodes as unknown as Node[], false);
  return found;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.svelte'))
  .sort();

describe('human text has a direction of its own', () => {
  for (const name of files) {
    it(name, () => {
      const source = readFileSync(SRC + name, 'utf8');
      expect(undirected(source, OURS[name] ?? []), 'give it dir="auto" or <bdi>').toEqual([]);
    });
  }

  it('and nothing stands in the list of what is ours that is drawn no more', () => {
    for (const [name, ours] of Object.entries(OURS)) {
      const source = readFileSync(SRC + name, 'utf8').replace(/\s+/g, ' ');
      for (const expression of ours) expect(source, name).toContain(expression);
    }
  });
});

describe('the look at the templates', () => {
  const cases: [string, number][] = [
    ['<p>{text}</p>', 1],
    ['<p dir="auto">{text}</p>', 0],
    ['<p><bdi>{text}</bdi> was here</p>', 0],
    ['<p dir="auto"><b>{text}</b></p>', 0],
    ["<p>{on ? 'On' : 'Off'}</p>", 0],
    ["<p>{on ? name : 'Off'}</p>", 1],
    ['<p>{`${name}!`}</p>', 1],
    ['<p>{clockTime(at)} {calledOf(user)}</p>', 0],
    ['{#if on}<p>{text}</p>{:else}{name}{/if}', 2],
    ['{#each list as item (item)}{item}{/each}', 1],
    ['<input value={text} />', 1],
    ['<input type="radio" />', 0],
    ['<textarea dir="auto"></textarea>', 0],
    ['<b aria-label="Remove {name}"></b>', 1],
    ['<b aria-label="Remove {isolate(name)}"></b>', 0],
    ['<b aria-label={name}></b>', 0],
    ['<b title={`Of ${name}`}></b>', 1],
    ['<Part title="Of {name}">{name}</Part>', 2],
  ];
  for (const [source, count] of cases) {
    it(source, () => expect(undirected(source, [])).toHaveLength(count));
  }
});
