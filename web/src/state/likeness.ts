/**
 * What a name looks like, as one form for all names that a hurried reader takes for the same: by
 * case, spaces, accents, signs that show nothing, and letters of other scripts with a Latin twin.
 * It is loaded beside the page, and it errs on the safe side: a username too many does no harm.
 */

/** Letters with a twin among the Latin ones, and their twins. Folded before case: `Н` is H, `н` is not h. */
const FOREIGN = 'АВЕЗКМНОРСТУХІЈЅЬаеорсухіјѕһԁԛԝӏГгΑΒΕΖΗΙΚΜΝΟΡΤΥΧαορνικυγεωτıɑɡ٥';
const LATIN = 'ABE3KMHOPCTYXIJSbaeopcyxijshdqwlrrABEZHIKMNOPTYXaopviKuyewtiago';

const TWINS = new Map([...FOREIGN].map((letter, at) => [letter, LATIN[at] ?? letter]));

/** Two names with the same form look alike. */
export function likeness(name: string): string {
  const letters = name
    .normalize('NFKD')
    .replace(/[\p{M}\p{Z}\p{P}\p{C}\p{Default_Ignorable_Code_Point}]/gu, '');
  return [...letters]
    .map((letter) => TWINS.get(letter) ?? letter)
    .join('')
    .toLowerCase()
    .replace(/[1i|]/g, 'l')
    .replaceAll('0', 'o')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w');
}

/** The forms that more than one of these names has. */
export function alike(names: Iterable<string>): Set<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) {
    const form = likeness(name);
    if (seen.has(form)) twice.add(form);
    seen.add(form);
  }
  return twice;
}
