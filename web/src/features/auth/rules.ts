/**
 * What the texts of a new account have to be, in people's words, told while one types. The server
 * has the last word; a refusal of it is turned into a sentence at its field here, too, so that what
 * a parser says never reaches a person.
 */

import {
  DISPLAY_NAME_BYTES_MAX,
  PASSWORD_BYTES_MAX,
  PASSWORD_LEN_MIN,
  USERNAME_LEN_MAX,
  USERNAME_LEN_MIN,
} from '@tidings/protocol';

export interface SignUpTexts {
  displayName: string;
  username: string;
  password: string;
}

export type SignUpField = keyof SignUpTexts;

/** What is wrong with each field. */
export type Problems = Partial<Record<SignUpField, string>>;

const USERNAME_RULE = 'Use a to z, digits, dot, hyphen and underscore.';
const COMMON = ['password', 'passwort', '12345678', '123456789', '1234567890', 'qwertyui', 'qwerty123', 'iloveyou'];
const bytes = (text: string) => new TextEncoder().encode(text).length;

/**
 * What is wrong so far. While one is still `typing` in a field, nothing is said of what only more
 * letters can mend.
 */
export function problemsOf(texts: SignUpTexts, typing: SignUpField | null = null): Problems {
  const found: Problems = {};
  const say = (field: SignUpField, sentence: string | undefined) => {
    if (sentence) found[field] = sentence;
  };
  say('displayName', displayNameProblem(texts.displayName));
  say('username', usernameProblem(texts.username.trim(), typing === 'username'));
  say('password', passwordProblem(texts, typing === 'password'));
  return found;
}

function displayNameProblem(name: string): string | undefined {
  if (bytes(name.trim()) > DISPLAY_NAME_BYTES_MAX) return 'This is too long for a name. Shorten it.';
  // What shows nothing could make a name look like another.
  if (/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(name)) return 'A name is one line of letters that show.';
  return undefined;
}

function usernameProblem(name: string, typing: boolean): string | undefined {
  const strange = [...name].find((letter) => !/[a-z0-9._-]/i.test(letter));
  if (strange) {
    const it = /\s/.test(strange) ? 'A space' : `“${strange}”`;
    return `${it} cannot stand in a username. ${USERNAME_RULE}`;
  }
  if (/^[._-]/.test(name)) return 'A username begins with a letter or a digit.';
  if (name.length > USERNAME_LEN_MAX) return `A username has at most ${USERNAME_LEN_MAX} letters.`;
  if (typing || name.length >= USERNAME_LEN_MIN) return undefined;
  return name ? `A username has at least ${USERNAME_LEN_MIN} letters.` : 'Choose a username.';
}

function passwordProblem({ password, username, displayName }: SignUpTexts, typing: boolean): string | undefined {
  if (bytes(password) > PASSWORD_BYTES_MAX) return 'This is longer than a password can be. Shorten it.';
  const short = PASSWORD_LEN_MIN - [...password].length;
  if (short > 0) {
    if (typing) return undefined;
    return password ? `${short} more, please: at least ${PASSWORD_LEN_MIN} characters.` : 'Choose a password.';
  }
  const folded = password.toLowerCase();
  const names = [username, displayName].map((name) => name.trim().toLowerCase());
  if (names.includes(folded)) return 'Not your own name: it is the first that others try.';
  if (COMMON.includes(folded) || /^(.)\1*$/su.test(password)) return WEAK;
  return undefined;
}

const WEAK = 'This is among the first that others try. Choose one that nobody would guess.';

/** What the server refused, by its stable code and the field that it points to. */
export function refusedFields(code: string, pointers: readonly string[]): Problems {
  if (code === 'username_taken') return { username: 'Somebody has this username. Choose another.' };
  if (code === 'username_reserved') return { username: 'This username is kept for the server. Choose another.' };
  if (code === 'weak_password') return { password: WEAK };
  const found: Problems = {};
  for (const pointer of pointers) {
    if (pointer === '/username') found.username = `This cannot be a username. ${USERNAME_RULE}`;
    if (pointer === '/password') found.password = 'This cannot be a password. Choose another.';
    if (pointer === '/display_name') found.displayName = 'This cannot be a name. Use letters that show, on one line.';
  }
  return found;
}
