import { headers } from 'next/headers';

// addressOf is the URL of a path of this site as the visitor sees it. The proxy in front passes on the Host
// header; X-Forwarded-Host would be the client's word.
export async function addressOf(path) {
  const given = await headers();
  const scheme = given.get('x-forwarded-proto') ?? 'http';
  return `${scheme}://${given.get('host')}${process.env.NEXT_PUBLIC_BASE_PATH}${path}`;
}
