/** Where the app is served: below this path (`/chat`), or nowhere special. The server writes it into the page. */

const page = typeof document === 'undefined' ? null : document;
const written = page?.querySelector<HTMLMetaElement>('meta[name="base"]')?.content ?? '/';

/** Empty, or a path that begins with a slash and ends without one. */
export const base = written.replace(/\/+$/, '');

/** The address of a path of the app, for links. */
export function href(path: string): string {
  return base + path;
}
