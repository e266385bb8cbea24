/** Accounts and rooms for tests of other clients: the few REST calls that set a scene. */

/** One REST call; fails with what the server said. */
export async function call(base, token, method, path, body) {
  const headers = { authorization: `Bearer ${token}` };
  if (body) headers['content-type'] = 'application/json';
  const request = { method, headers, body: body && JSON.stringify(body) };
  const response = await fetch(`${base}/api/v1${path}`, request);
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/** Signs somebody up. */
export async function account(base, username) {
  const body = { username, password: 'a long password' };
  const headers = { 'content-type': 'application/json' };
  const request = { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(`${base}/api/v1/users`, request);
  if (!response.ok) throw new Error(`sign up: ${response.status} ${await response.text()}`);
  return response.json();
}
