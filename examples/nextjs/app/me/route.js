import { addressOf } from '../../lib/address';

// What the site knows about the client. The proxy in front adds its client's address at the end of
// X-Forwarded-For; what stands before it can be made up by anyone.
export async function GET(request) {
  const client = (request.headers.get('x-forwarded-for') ?? '').split(',').at(-1).trim();
  return Response.json({ client, url: await addressOf('/me') });
}
