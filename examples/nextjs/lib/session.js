import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { cookies, headers } from 'next/headers';

// Sessions live in a signed cookie: any instance that has the same key can read it.
const key = process.env.SESSION_KEY ?? randomBytes(32).toString('hex');

const sign = (text) => createHmac('sha256', key).update(text).digest('base64url');

export async function logIn(name) {
  const value = Buffer.from(name).toString('base64url');
  (await cookies()).set('session', `${value}.${sign(value)}`, {
    httpOnly: true,
    sameSite: 'lax',
    secure: (await headers()).get('x-forwarded-proto') === 'https',
    maxAge: 60 * 60,
  });
}

export async function logOut() {
  (await cookies()).delete('session');
}

export async function visitor() {
  const [value = '', signature = ''] = ((await cookies()).get('session')?.value ?? '').split('.');
  const given = Buffer.from(signature), right = Buffer.from(sign(value));
  const valid = given.length === right.length && timingSafeEqual(given, right);
  return valid ? Buffer.from(value, 'base64url').toString() : null;
}
