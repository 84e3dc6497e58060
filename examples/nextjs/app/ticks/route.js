import { setTimeout } from 'node:timers/promises';

export const dynamic = 'force-dynamic';

// Server-sent events: five ticks, one each fifth of a second.
export function GET() {
  const encoder = new TextEncoder();
  async function* ticks() {
    for (let i = 1; i <= 5; i++) {
      await setTimeout(200);
      yield encoder.encode(`data: tick ${i}\n\n`);
    }
  }
  return new Response(ReadableStream.from(ticks()), {
    headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' },
  });
}
